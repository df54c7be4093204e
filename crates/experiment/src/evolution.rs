use std::path::Path;

use model::file_units::{c_from_k, mm_from_m};
use physics::Evaluation;
/// Name of the file in an experiment's directory.
pub const EVOLUTION_FILE: &str = "evolution_trace.csv";

/// Columns of `evolution_trace.csv`, in order.
pub const COLUMNS: [&str; 10] = [
    "iteration",
    "timestamp",
    "max_temp",
    "min_clearance",
    "total_mass",
    "total_power",
    "num_violations",
    "is_safe",
    "solver_cost",
    "llm_tokens",
];

/// The headline numbers of one iteration, as files and images show them.
#[derive(Debug, Clone, PartialEq)]
pub struct EvolutionRow {
    /// From 1; 0 is the start layout, which the csv does not have.
    pub iteration: u32,
    /// When its files were written, RFC 3339 UTC.
    pub timestamp: String,
    /// Hottest component, degrees Celsius.
    pub max_temp_c: f64,
    /// Smallest clearance, mm; `None` with fewer than two components.
    pub min_clearance_mm: Option<f64>,
    /// Mass of the components, kg.
    pub total_mass_kg: f64,
    /// Heat of the components, W.
    pub total_power_w: f64,
    /// Constraints that are not met, each pair and component counted.
    pub num_violations: usize,
    /// Whether every evaluated constraint is met.
    pub feasible: bool,
    /// Score of the search; lower is better. `None` for the start.
    pub score: Option<f64>,
    /// Centre of mass offset, mm.
    pub cg_offset_mm: f64,
}

impl EvolutionRow {
    /// The row of an evaluated layout.
    pub fn new(iteration: u32, timestamp: String, evaluation: &Evaluation, score: Option<f64>) -> Self {
        EvolutionRow {
            iteration,
            timestamp,
            max_temp_c: c_from_k(evaluation.max_temp_k),
            min_clearance_mm: evaluation.min_clearance_m.map(mm_from_m),
            total_mass_kg: evaluation.component_mass_kg,
            total_power_w: evaluation.total_power_w,
            num_violations: evaluation.num_violations(),
            feasible: evaluation.is_feasible(),
            score,
            cg_offset_mm: mm_from_m(evaluation.cg_offset_m()),
        }
    }

    fn fields(&self) -> [String; 10] {
        [
            self.iteration.to_string(),
            csv_time(&self.timestamp),
            format!("{:.2}", self.max_temp_c),
            self.min_clearance_mm.map(|clearance| format!("{clearance:.2}")).unwrap_or_default(),
            format!("{:.2}", self.total_mass_kg),
            format!("{:.2}", self.total_power_w),
            self.num_violations.to_string(),
            if self.feasible { "True" } else { "False" }.to_owned(),
            self.score.map(|score| format!("{score:.4}")).unwrap_or_default(),
            // No language model takes part in the search.
            "0".to_owned(),
        ]
    }
}

/// The file's bytes: header and rows, CRLF, UTF-8.
pub fn to_csv(rows: &[EvolutionRow]) -> Vec<u8> {
    let header = COLUMNS.map(str::to_owned);
    csv_lines(std::iter::once(header).chain(rows.iter().map(EvolutionRow::fields)))
}

/// One row's bytes, for appending.
pub(crate) fn to_csv_line(row: &EvolutionRow) -> Vec<u8> {
    csv_lines(std::iter::once(row.fields()))
}

fn csv_lines(records: impl Iterator<Item = [String; 10]>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for record in records {
        writer.write_record(record).expect("writing equally long records to memory cannot fail");
    }
    writer.into_inner().expect("flushing to memory cannot fail")
}

/// The rows of an experiment as the file has them: every value a string. What
/// cannot be read is left out; without the file there are none.
pub fn read_evolution(dir: &Path) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let Ok(mut reader) = csv::ReaderBuilder::new().flexible(true).from_path(dir.join(EVOLUTION_FILE)) else {
        return Vec::new();
    };
    let Ok(header) = reader.headers().cloned() else { return Vec::new() };
    reader
        .records()
        .filter_map(Result::ok)
        .filter(|record| record.len() == header.len())
        .map(|record| {
            header.iter().zip(&record).map(|(name, value)| (name.to_owned(), value.into())).collect()
        })
        .collect()
}

/// `2026-11-24T05:48:18.123+00:00` as `2026-11-24 05:48:18`.
fn csv_time(rfc3339: &str) -> String {
    rfc3339
        .parse::<jiff::Timestamp>()
        .map_or_else(|_| rfc3339.to_owned(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(iteration: u32) -> EvolutionRow {
        EvolutionRow {
            iteration,
            timestamp: "2026-11-24T05:48:18.987+00:00".into(),
            max_temp_c: 41.204,
            min_clearance_mm: (iteration > 1).then_some(5.099),
            total_mass_kg: 8.5,
            total_power_w: 80.0,
            num_violations: 1,
            feasible: iteration > 1,
            score: Some(0.5),
            cg_offset_mm: 3.0,
        }
    }

    #[test]
    fn the_csv_is_the_contracts() {
        let text = String::from_utf8(to_csv(&[row(1), row(2)])).expect("ascii");
        assert_eq!(
            text,
            "iteration,timestamp,max_temp,min_clearance,total_mass,total_power,num_violations,is_safe,solver_cost,llm_tokens\r\n\
             1,2026-11-24 05:48:18,41.20,,8.50,80.00,1,False,0.5000,0\r\n\
             2,2026-11-24 05:48:18,41.20,5.10,8.50,80.00,1,True,0.5000,0\r\n"
        );
    }

    #[test]
    fn the_file_is_read_back_as_strings_and_a_torn_line_is_left_out() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read_evolution(dir.path()), []);
        let mut bytes = to_csv(&[row(1), row(2)]);
        bytes.extend(b"3,2026-11-2");
        std::fs::write(dir.path().join(EVOLUTION_FILE), bytes).expect("written");
        let rows = read_evolution(dir.path());
        assert_eq!(rows.len(), 2);
        assert_eq!((&rows[0]["min_clearance"], &rows[1]["min_clearance"]), (&"".into(), &"5.10".into()));
        assert_eq!((&rows[1]["is_safe"], &rows[1]["llm_tokens"]), (&"True".into(), &"0".into()));
        std::fs::write(dir.path().join(EVOLUTION_FILE), [0xff, 0xfe, 0, 1]).expect("written");
        assert_eq!(read_evolution(dir.path()), []);
    }
}
