use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{FontFamily, FontResolver, Options, Tree};

use super::fonts::Fonts;
use super::svg::CHINESE_FAMILY;

/// Draws an SVG document and returns it as PNG. The reason of a failure is a
/// sentence.
pub(crate) fn png(svg: &str, fonts: &Fonts) -> Result<Vec<u8>, String> {
    let chinese_face = fonts.chinese_face();
    let by_name = FontResolver::default_font_selector();
    let options = Options {
        fontdb: fonts.database(),
        font_resolver: FontResolver {
            select_font: Box::new(move |font, database| {
                let chinese = font
                    .families()
                    .iter()
                    .any(|family| matches!(family, FontFamily::Named(name) if name == CHINESE_FAMILY));
                if chinese && chinese_face.is_some() { chinese_face } else { by_name(font, database) }
            }),
            // Every run of text names a font that has it. A fallback would take
            // the whole line for the sake of one character.
            select_fallback: Box::new(|_, _, _| None),
        },
        ..Options::default()
    };
    let tree =
        Tree::from_str(svg, &options).map_err(|error| format!("the drawing cannot be read: {error}"))?;
    let size = tree.size().to_int_size();
    let mut pixmap = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| format!("{} x {} pixels cannot be held", size.width(), size.height()))?;
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| format!("the pixels cannot be encoded: {error}"))
}
