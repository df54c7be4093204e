use std::sync::{Arc, OnceLock};

use resvg::usvg::fontdb::{Database, ID, Source};
use skrifa::MetadataProvider;
use skrifa::instance::{LocationRef, Size};

const REGULAR: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/DejaVuSans-Bold-subset.ttf");

/// Characters that a font must have to be taken for Chinese.
const CHINESE_SAMPLE: &str = "卫星布局温度质心组件";

/// Families that are looked for before all others.
const CHINESE_FAMILIES: [&str; 12] = [
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "SimHei",
    "SimSun",
];

/// The fonts of the images: one family that is compiled in, and a Chinese one
/// of the system when there is one.
#[derive(Debug)]
pub(crate) struct Fonts {
    database: Arc<Database>,
    chinese: Option<(ID, Arc<Vec<u8>>, u32)>,
}

impl Fonts {
    /// Those of this machine, looked for once per process.
    pub(crate) fn system() -> &'static Fonts {
        static FONTS: OnceLock<Fonts> = OnceLock::new();
        FONTS.get_or_init(|| {
            let mut system = Database::new();
            system.load_system_fonts();
            Fonts::with_chinese(chinese_font(&system))
        })
    }

    /// The compiled-in family and, when given, the face of a Chinese font.
    pub(crate) fn with_chinese(font: Option<(Vec<u8>, u32)>) -> Fonts {
        let mut database = Database::new();
        database.load_font_data(REGULAR.to_vec());
        database.load_font_data(BOLD.to_vec());
        let chinese = font.and_then(|(data, face)| {
            let data = Arc::new(data);
            let ids = database.load_font_source(Source::Binary(data.clone()));
            let id =
                ids.iter().copied().find(|id| database.face(*id).is_some_and(|info| info.index == face))?;
            Some((id, data, face))
        });
        Fonts { database: Arc::new(database), chinese }
    }

    /// Whether Chinese can be drawn.
    pub(crate) fn shows_chinese(&self) -> bool {
        self.chinese.is_some()
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        self.database.clone()
    }

    /// The face for Chinese.
    pub(crate) fn chinese_face(&self) -> Option<ID> {
        self.chinese.as_ref().map(|(id, ..)| *id)
    }

    /// Whether every character of the text can be drawn.
    pub(crate) fn can_show(&self, text: &str) -> bool {
        text.chars().all(|character| character == ' ' || self.advance(character, false).is_some())
    }

    /// Width of a text, in pixels at `size`.
    pub(crate) fn width(&self, text: &str, size: f64, bold: bool) -> f64 {
        text.chars().map(|character| self.advance(character, bold).unwrap_or(0.6)).sum::<f64>() * size
    }

    /// The text, cut with an ellipsis where it would be wider than `width`.
    pub(crate) fn fitted(&self, text: &str, size: f64, bold: bool, width: f64) -> String {
        if self.width(text, size, bold) <= width {
            return text.to_owned();
        }
        let mut kept = String::new();
        let mut used = self.width("…", size, bold);
        for character in text.chars() {
            used += self.advance(character, bold).unwrap_or(0.6) * size;
            if used > width {
                break;
            }
            kept.push(character);
        }
        format!("{}…", kept.trim_end())
    }

    /// Advance of a character over the font size; `None` when no font has it.
    fn advance(&self, character: char, bold: bool) -> Option<f64> {
        static FACES: OnceLock<[Option<skrifa::FontRef<'static>>; 2]> = OnceLock::new();
        let faces = FACES.get_or_init(|| [REGULAR, BOLD].map(|data| skrifa::FontRef::new(data).ok()));
        let own = faces[usize::from(bold)].as_ref();
        let chinese = || {
            self.chinese
                .as_ref()
                .and_then(|(_, data, face)| skrifa::FontRef::from_index(data.as_slice(), *face).ok())
        };
        own.and_then(|font| advance_in(font, character))
            .or_else(|| chinese().as_ref().and_then(|font| advance_in(font, character)))
    }
}

fn advance_in(font: &skrifa::FontRef<'_>, character: char) -> Option<f64> {
    let glyph = font.charmap().map(character).filter(|glyph| glyph.to_u32() != 0)?;
    let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    metrics.advance_width(glyph).map(f64::from)
}

/// The best face for Chinese: a known family, else any that has the characters.
fn chinese_font(system: &Database) -> Option<(Vec<u8>, u32)> {
    let known = CHINESE_FAMILIES.iter().filter_map(|family| {
        let plain = |info: &&resvg::usvg::fontdb::FaceInfo| {
            info.families.iter().any(|(name, _)| name == family) && (300..=500).contains(&info.weight.0)
        };
        system.faces().find(plain).map(|info| info.id)
    });
    let other = system.faces().filter(|info| (300..=500).contains(&info.weight.0)).map(|info| info.id);
    known.chain(other).find_map(|id| {
        system
            .with_face_data(id, |data, face| covers_chinese(data, face).then(|| (data.to_vec(), face)))
            .flatten()
    })
}

fn covers_chinese(data: &[u8], face: u32) -> bool {
    skrifa::FontRef::from_index(data, face).is_ok_and(|font| {
        let map = font.charmap();
        CHINESE_SAMPLE.chars().all(|character| map.map(character).is_some_and(|glyph| glyph.to_u32() != 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_measured_and_cut() {
        let fonts = Fonts::with_chinese(None);
        // The advance of `i` in DejaVu Sans is 569 of 2048 units, of `m` 1995.
        assert!((fonts.width("i", 2048.0, false) - 569.0).abs() < 1.0, "{}", fonts.width("i", 2048.0, false));
        assert!((fonts.width("mm", 2048.0, false) - 3990.0).abs() < 1.0);
        assert!(fonts.width("m", 10.0, true) > fonts.width("m", 10.0, false));
        assert_eq!(fonts.fitted("star_tracker", 10.0, false, 200.0), "star_tracker");
        let cut = fonts.fitted("star_tracker", 10.0, false, 40.0);
        assert!(cut.ends_with('…') && fonts.width(&cut, 10.0, false) <= 40.0, "{cut}");
    }

    #[test]
    fn without_a_chinese_font_chinese_is_known_to_be_missing() {
        let fonts = Fonts::with_chinese(None);
        assert!(!fonts.shows_chinese());
        assert!(fonts.can_show("Battery 1 (°C, ≥ 5 mm)"));
        assert!(!fonts.can_show("蓄电池"));
    }
}
