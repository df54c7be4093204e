use std::fmt::Write;

/// An SVG document under construction. Coordinates are pixels, y down.
#[derive(Debug)]
pub(crate) struct Svg {
    width: u32,
    height: u32,
    body: String,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) color: Color,
    pub(crate) anchor: Anchor,
    /// White rim, so that it can be read on any ground.
    pub(crate) halo: bool,
}

impl TextStyle {
    pub(crate) fn new(size: f64, color: Color) -> Self {
        TextStyle { size, bold: false, color, anchor: Anchor::Start, halo: false }
    }

    pub(crate) fn bold(self) -> Self {
        TextStyle { bold: true, ..self }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        TextStyle { anchor, ..self }
    }

    pub(crate) fn haloed(self) -> Self {
        TextStyle { halo: true, ..self }
    }
}

/// sRGB, 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Color(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl Color {
    pub(crate) const WHITE: Color = Color(255, 255, 255);

    /// Mixes in `share` (0 to 1) of another color.
    pub(crate) fn mixed(self, other: Color, share: f64) -> Color {
        let mix = |a: u8, b: u8| {
            (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round().clamp(0.0, 255.0) as u8
        };
        Color(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// Black or white, whichever can be read on this ground.
    pub(crate) fn readable_text(self) -> Color {
        let luminance = 0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2);
        if luminance > 0.22 { Color(20, 24, 32) } else { Color::WHITE }
    }

    pub(crate) fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// A line's color, width and dash pattern (empty: solid).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    pub(crate) color: Color,
    pub(crate) width: f64,
    pub(crate) dash: &'static str,
    pub(crate) opacity: f64,
}

impl Stroke {
    pub(crate) fn new(color: Color, width: f64) -> Self {
        Stroke { color, width, dash: "", opacity: 1.0 }
    }

    pub(crate) fn dashed(self, dash: &'static str) -> Self {
        Stroke { dash, ..self }
    }

    pub(crate) fn with_opacity(self, opacity: f64) -> Self {
        Stroke { opacity, ..self }
    }

    fn attributes(self) -> String {
        let mut text = format!(" stroke=\"{}\" stroke-width=\"{}\"", self.color.hex(), number(self.width));
        if !self.dash.is_empty() {
            let _ = write!(text, " stroke-dasharray=\"{}\"", self.dash);
        }
        if self.opacity < 1.0 {
            let _ = write!(text, " stroke-opacity=\"{}\"", number(self.opacity));
        }
        text
    }
}

/// The family of the fonts that are compiled in.
pub(crate) const FONT_FAMILY: &str = "DejaVu Sans";
/// Stands for whatever Chinese font the system has.
pub(crate) const CHINESE_FAMILY: &str = "Chinese";

impl Svg {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        let mut svg = Svg { width, height, body: String::new() };
        svg.rect(0.0, 0.0, f64::from(width), f64::from(height), Color::WHITE);
        svg
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: Color) {
        self.push(format_args!("<rect{} fill=\"{}\"/>", place(x, y, width, height), fill.hex()));
    }

    /// A rectangle whose edges are not smoothed, so that neighbors leave no seam.
    pub(crate) fn cell(&mut self, x: f64, y: f64, width: f64, height: f64, fill: Color) {
        self.push(format_args!(
            "<rect{} fill=\"{}\" shape-rendering=\"crispEdges\"/>",
            place(x, y, width, height),
            fill.hex()
        ));
    }

    pub(crate) fn rounded(
        &mut self,
        [x, y, width, height]: [f64; 4],
        radius: f64,
        fill: Option<(Color, f64)>,
        stroke: Option<Stroke>,
    ) {
        let fill = fill.map_or_else(
            || " fill=\"none\"".to_owned(),
            |(color, opacity)| format!(" fill=\"{}\" fill-opacity=\"{}\"", color.hex(), number(opacity)),
        );
        self.push(format_args!(
            "<rect{} rx=\"{}\"{fill}{}/>",
            place(x, y, width, height),
            number(radius),
            stroke.map(Stroke::attributes).unwrap_or_default()
        ));
    }

    pub(crate) fn line(&mut self, from: [f64; 2], to: [f64; 2], stroke: Stroke) {
        self.push(format_args!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke-linecap=\"round\"{}/>",
            number(from[0]),
            number(from[1]),
            number(to[0]),
            number(to[1]),
            stroke.attributes()
        ));
    }

    pub(crate) fn polyline(&mut self, points: &[[f64; 2]], stroke: Stroke) {
        self.push(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke-linejoin=\"round\"{}/>",
            list(points),
            stroke.attributes()
        ));
    }

    pub(crate) fn polygon(&mut self, points: &[[f64; 2]], fill: Color, opacity: f64, stroke: Option<Stroke>) {
        self.push(format_args!(
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{}\" stroke-linejoin=\"round\"{}/>",
            list(points),
            fill.hex(),
            number(opacity),
            stroke.map(Stroke::attributes).unwrap_or_default()
        ));
    }

    pub(crate) fn circle(
        &mut self,
        center: [f64; 2],
        radius: f64,
        fill: Option<Color>,
        stroke: Option<Stroke>,
    ) {
        self.push(format_args!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"{}/>",
            number(center[0]),
            number(center[1]),
            number(radius),
            fill.map_or_else(|| "none".to_owned(), Color::hex),
            stroke.map(Stroke::attributes).unwrap_or_default()
        ));
    }

    /// A filled outline, for markers that are not polygons.
    pub(crate) fn path(&mut self, data: &str, fill: Color) {
        self.push(format_args!("<path d=\"{}\" fill=\"{}\"/>", escaped(data), fill.hex()));
    }

    /// A text whose point is on its base line.
    pub(crate) fn text(&mut self, [x, y]: [f64; 2], text: &str, style: TextStyle) {
        self.write_text(&format!(" x=\"{}\" y=\"{}\"", number(x), number(y)), text, style);
    }

    /// A text in a plane: `right` and `up` are the images of one unit along and
    /// across the line, `origin` of its start.
    pub(crate) fn text_in_plane(
        &mut self,
        origin: [f64; 2],
        right: [f64; 2],
        up: [f64; 2],
        text: &str,
        style: TextStyle,
    ) {
        let matrix = [right[0], right[1], -up[0], -up[1], origin[0], origin[1]]
            .map(|value| format!("{value:.5}"))
            .join(" ");
        self.write_text(&format!(" transform=\"matrix({matrix})\""), text, style);
    }

    pub(crate) fn finish(self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" \
             font-family=\"{FONT_FAMILY}\">{2}</svg>",
            self.width, self.height, self.body
        )
    }

    fn write_text(&mut self, position: &str, text: &str, style: TextStyle) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let mut attributes =
            format!("{position} font-size=\"{}\" text-anchor=\"{anchor}\"", number(style.size));
        if style.bold {
            attributes.push_str(" font-weight=\"bold\"");
        }
        let text = in_fonts(text);
        if style.halo {
            let width = number((style.size * 0.24).max(3.0));
            self.push(format_args!(
                "<text{attributes} fill=\"#ffffff\" stroke=\"#ffffff\" stroke-width=\"{width}\" \
                 stroke-linejoin=\"round\" stroke-opacity=\"0.9\">{text}</text>"
            ));
        }
        self.push(format_args!("<text{attributes} fill=\"{}\">{text}</text>", style.color.hex()));
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("writing to a string cannot fail");
        self.body.push('\n');
    }
}

fn place(x: f64, y: f64, width: f64, height: f64) -> String {
    format!(
        " x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(x),
        number(y),
        number(width.max(0.0)),
        number(height.max(0.0))
    )
}

fn list(points: &[[f64; 2]]) -> String {
    points.iter().map(|[x, y]| format!("{},{}", number(*x), number(*y))).collect::<Vec<_>>().join(" ")
}

/// Two decimals are a hundredth of a pixel. What is not finite cannot be drawn;
/// 0 keeps the document readable.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{}", (value * 100.0).round() / 100.0) } else { "0".to_owned() }
}

fn linear(channel: u8) -> f64 {
    (f64::from(channel) / 255.0).powf(2.2)
}

/// Text for XML in which every run of Chinese names its font. Without that, one
/// Chinese character would make the whole line look for a font that has it all.
fn in_fonts(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let chinese = is_chinese(first);
        let end = rest.find(|character| is_chinese(character) != chinese).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if chinese {
            let _ = write!(out, "<tspan font-family=\"{CHINESE_FAMILY}\">{}</tspan>", escaped(run));
        } else {
            out.push_str(&escaped(run));
        }
        rest = after;
    }
    out
}

/// Whether a character is one of Chinese text: ideographs and their punctuation.
pub(crate) fn is_chinese(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

/// Text for XML: what has a meaning there is escaped, what XML forbids is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        let mut svg = Svg::new(10, 10);
        svg.text([0.0, 0.0], "<script>\"&\u{0}\u{ffff}", TextStyle::new(4.0, Color(0, 0, 0)));
        let document = svg.finish();
        assert!(document.contains("&lt;script&gt;&quot;&amp;  </text>"), "{document}");
    }

    #[test]
    fn what_is_not_finite_is_not_written() {
        assert_eq!(number(f64::NAN), "0");
        assert_eq!(number(1.0 / 3.0), "0.33");
        assert_eq!(number(-2.0), "-2");
    }
}
