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
    use super::*;
    use crate::fixture::{Case, case};

    fn drawing(case: &Case) -> Drawing<'_> {
        Drawing {
            satellite: &case.satellite,
            layout: &case.layout,
            evaluation: &case.evaluation,
            history: &case.history,
            seed: 42,
            score: 0.8123,
            fonts: fonts::Fonts::system(),
        }
    }

    #[test]
    fn gallery() {
        let Ok(dir) = std::env::var("GALLERY") else { return };
        for (count, size) in [
            (1, [0.2; 3]),
            (2, [0.28, 0.3, 0.25]),
            (12, [0.222, 0.0984, 0.36]),
            (25, [0.6, 0.6, 0.64]),
            (60, [1.2; 3]),
        ] {
            let case = case(count, size);
            for name in IMAGE_NAMES {
                let start = std::time::Instant::now();
                let data = png(name, &drawing(&case)).expect("drawn");
                println!("{count} {name} {:?} {}", start.elapsed(), data.len());
                std::fs::write(format!("{dir}/{count}_{name}"), data).expect("written");
            }
        }
    }
}
