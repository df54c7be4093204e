//! The images of an experiment, composed as SVG and drawn to PNG.
//!
//! Read in this order.

/// What is drawn, and what all images share.
pub(crate) mod drawing;
/// Four charts over the iterations.
mod evolution_trace;
/// The components in the envelope.
mod layout_3d;
/// The panels' temperatures, unfolded.
mod heatmap;
/// Names at the sides of a view.
mod callouts;
/// Color bar and component table.
mod legend;
/// Which of two faces hides the other.
mod depth;
/// From the body frame to the page.
mod view;
/// One plot area.
mod chart;
/// Round values for scales.
mod axis;
/// Colors.
mod palette;
/// The fonts there are, and how wide a text is.
pub(crate) mod fonts;
/// The SVG document.
mod svg;
/// From SVG to PNG.
mod raster;

use drawing::Drawing;

/// Names of the images in `visualizations/`, in the order they are drawn.
pub const IMAGE_NAMES: [&str; 3] = ["evolution_trace.png", "final_layout_3d.png", "thermal_heatmap.png"];

/// Composes the image as SVG.
pub(crate) fn compose(name: &str, drawing: &Drawing<'_>) -> String {
    match name {
        "evolution_trace.png" => evolution_trace::draw(drawing),
        "final_layout_3d.png" => layout_3d::draw(drawing),
        "thermal_heatmap.png" => heatmap::draw(drawing),
        other => unreachable!("{other} is none of the images"),
    }
}

/// Draws the image to PNG. The reason of a failure is a sentence.
pub(crate) fn png(name: &str, drawing: &Drawing<'_>) -> Result<Vec<u8>, String> {
    raster::png(&compose(name, drawing), drawing.fonts)
}

#[cfg(test)]
mod tests {
    use model::Panel;
    use resvg::tiny_skia::Pixmap;

    use super::drawing::{HEIGHT, WIDTH};
    use super::fonts::Fonts;
    use super::*;
    use crate::fixture::{Case, case};

    fn drawing<'a>(case: &'a Case, fonts: &'a Fonts) -> Drawing<'a> {
        Drawing {
            satellite: &case.satellite,
            layout: &case.layout,
            evaluation: &case.evaluation,
            history: &case.history,
            seed: 42,
            score: 0.8123,
            fonts,
        }
    }

    fn drawn(name: &str, drawing: &Drawing<'_>) -> Pixmap {
        Pixmap::decode_png(&png(name, drawing).expect("drawn")).expect("a PNG")
    }

    /// The colors of every seventh pixel (a column moves on from row to row)
    /// and how often each was met.
    fn colors(image: &Pixmap) -> std::collections::HashMap<[u8; 3], usize> {
        let mut counts = std::collections::HashMap::new();
        for pixel in image.data().chunks_exact(4).step_by(7) {
            *counts.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
        }
        counts
    }

    /// How many of those pixels have a color.
    fn count(image: &Pixmap, color: svg::Color) -> usize {
        let bytes = [color.0, color.1, color.2, 255];
        image.data().chunks_exact(4).step_by(7).filter(|pixel| *pixel == bytes).count()
    }

    #[test]
    fn every_image_of_every_size_of_satellite_is_a_picture() {
        let fonts = Fonts::with_chinese(None);
        let sizes = [(1, [0.2; 3]), (12, [0.222, 0.0984, 0.36]), (60, [1.2; 3])];
        for (count, size) in sizes {
            let case = case(count, size);
            for name in IMAGE_NAMES {
                let image = drawn(name, &drawing(&case, &fonts));
                assert_eq!((image.width(), image.height()), (WIDTH, HEIGHT));
                let colors = colors(&image);
                assert!(colors.len() > 300, "{name} of {count}: {} colors", colors.len());
                let ground = colors[&[255; 3]];
                assert!(ground < image.pixels().len() / 7 * 19 / 20, "{name} of {count} is nearly empty");
            }
        }
    }

    #[test]
    fn hot_and_cold_components_have_the_colors_of_their_temperatures() {
        let mut case = case(2, [0.28, 0.3, 0.25]);
        (case.evaluation.components[0].temp_k, case.evaluation.components[1].temp_k) = (330.0, 280.0);
        let fonts = Fonts::with_chinese(None);
        let drawing = drawing(&case, &fonts);
        let scale = drawing.component_scale();
        let (hot, cold) = (scale.color(drawing.temp_c(0)), scale.color(drawing.temp_c(1)));
        let image = drawn("final_layout_3d.png", &drawing);
        for base in [hot, cold] {
            // The upper faces of the main view, as the drawing shades them.
            let top = base.mixed(svg::Color::WHITE, 0.16);
            let pixels = count(&image, top);
            assert!(pixels > 500, "{top:?}: {pixels}");
        }
        assert_ne!(hot, cold);
    }

    #[test]
    fn the_heat_map_shows_the_field_and_not_a_picture_of_it() {
        let mut case = case(2, [0.28, 0.3, 0.25]);
        let cells = case.evaluation.thermal.mesh.pow(2);
        case.evaluation.thermal.panel_temps_k.fill(290.0);
        case.evaluation.components.iter_mut().for_each(|state| state.temp_k = 290.0);
        // One hot cell in a panel's corner, where no component stands.
        case.evaluation.thermal.panel_temps_k[Panel::YPlus.index() * cells + cells - 1] = 300.0;
        let fonts = Fonts::with_chinese(None);
        let image = drawn("thermal_heatmap.png", &drawing(&case, &fonts));
        let (cold, hot) =
            (count(&image, palette::viridis(0.0)) as f64, count(&image, palette::viridis(1.0)) as f64);
        // Of 6 x 256 cells one is hot; its rim is under the mark of the hottest.
        let share = hot / cold;
        assert!((0.2..2.0).contains(&(share * 6.0 * cells as f64)), "{share}");
    }

    #[test]
    fn chinese_names_are_shown_where_a_font_has_them_and_ids_elsewhere() {
        let mut case = case(2, [0.28, 0.3, 0.25]);
        case.satellite.components[0].name = "电池".into();
        case.satellite.components[1].name = "电源".into();
        let font = include_bytes!("../tests/data/two_glyphs.ttf").to_vec();
        let (with, without) = (Fonts::with_chinese(Some((font, 0))), Fonts::with_chinese(None));
        assert_eq!(drawing(&case, &with).label(0), "电池");
        // The font lacks one of the two characters.
        assert_eq!(drawing(&case, &with).label(1), "obc_01");
        assert_eq!(drawing(&case, &without).label(0), "battery_01");
        for name in IMAGE_NAMES {
            let chinese = compose(name, &drawing(&case, &without));
            assert!(!chinese.contains("Chinese"), "{name} asks for a font that is not there");
        }
        let layout = "final_layout_3d.png";
        assert!(compose(layout, &drawing(&case, &with)).contains(">电池</tspan>"));
        let drawn_with = drawn(layout, &drawing(&case, &with));
        let mut blank = case;
        blank.satellite.components[0].name = "池池".into();
        let other = drawn(layout, &drawing(&blank, &with));
        assert!(drawn_with.data() != other.data(), "the glyphs are drawn");
    }

    #[test]
    fn a_hostile_name_is_drawn_as_text() {
        let mut case = case(2, [0.28, 0.3, 0.25]);
        case.satellite.name = "</text><image href='x'/>&\u{0}".into();
        case.satellite.components[0].id = "\"<&>'".into();
        let fonts = Fonts::with_chinese(None);
        for name in IMAGE_NAMES {
            assert!(!compose(name, &drawing(&case, &fonts)).contains("<image"), "{name}");
            drawn(name, &drawing(&case, &fonts));
        }
    }

    #[test]
    fn what_breaks_a_limit_is_red_in_the_layout() {
        let mut case = case(12, [0.222, 0.0984, 0.36]);
        let fonts = Fonts::with_chinese(None);
        let text = |case: &Case| compose("final_layout_3d.png", &drawing(case, &fonts));
        assert!(!text(&case).contains("breaks a limit"));
        case.evaluation.components[4].temp_margin_k = -1.0;
        case.evaluation.constraints[1].violations = 1;
        let text = text(&case);
        assert!(text.contains("breaks a limit") && text.contains("infeasible, 1 violation<"));
    }
}
