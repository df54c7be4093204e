use serde::{Deserialize, Serialize};

use crate::evolution::EvolutionRow;

/// Rows as a checkpoint holds them. A checkpoint is written after every
/// iteration, so what it holds of each row counts with the square of their
/// number: the numbers of a layout stand once for all iterations in which it was
/// the best, and of each row remains a time step of a few digits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Packed {
    /// Number of the first row.
    first: u32,
    /// Milliseconds since 1970 of the first row, then from row to row.
    times_ms: Vec<i64>,
    /// Numbers, and how many rows have them.
    runs: Vec<(Numbers, usize)>,
}

/// A row without its number and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Numbers(f64, Option<f64>, f64, f64, usize, bool, Option<f64>, f64);

impl Numbers {
    fn of(row: &EvolutionRow) -> Numbers {
        Numbers(
            row.max_temp_c,
            row.min_clearance_mm,
            row.total_mass_kg,
            row.total_power_w,
            row.num_violations,
            row.feasible,
            row.score,
            row.cg_offset_mm,
        )
    }

    fn row(&self, iteration: u32, timestamp: String) -> EvolutionRow {
        EvolutionRow {
            iteration,
            timestamp,
            max_temp_c: self.0,
            min_clearance_mm: self.1,
            total_mass_kg: self.2,
            total_power_w: self.3,
            num_violations: self.4,
            feasible: self.5,
            score: self.6,
            cg_offset_mm: self.7,
        }
    }
}

impl Packed {
    /// Packs rows with numbers in sequence.
    pub(crate) fn pack(rows: &[EvolutionRow]) -> Result<Packed, String> {
        let mut packed = Packed { first: rows.first().map_or(0, |row| row.iteration), ..Packed::default() };
        let mut last_ms = 0;
        for row in rows {
            let time: jiff::Timestamp =
                row.timestamp.parse().map_err(|error| format!("the time {:?}: {error}", row.timestamp))?;
            let time_ms = time.as_millisecond();
            packed.times_ms.push(time_ms - last_ms);
            last_ms = time_ms;
            let numbers = Numbers::of(row);
            match packed.runs.last_mut() {
                Some((same, count)) if *same == numbers => *count += 1,
                _ => packed.runs.push((numbers, 1)),
            }
        }
        Ok(packed)
    }

    /// The rows again, times to the millisecond.
    pub(crate) fn unpack(&self) -> Result<Vec<EvolutionRow>, String> {
        let counted = self.runs.iter().try_fold(0_usize, |sum, (_, count)| sum.checked_add(*count));
        if counted != Some(self.times_ms.len()) {
            return Err("its rows and their times differ in number".to_owned());
        }
        let numbers = self.runs.iter().flat_map(|(numbers, count)| std::iter::repeat_n(numbers, *count));
        let mut time_ms = 0_i64;
        let mut rows = Vec::with_capacity(self.times_ms.len());
        for ((iteration, numbers), step_ms) in (self.first..).zip(numbers).zip(&self.times_ms) {
            time_ms = time_ms.saturating_add(*step_ms);
            let time = jiff::Timestamp::from_millisecond(time_ms)
                .map_err(|error| format!("the time of row {iteration}: {error}"))?;
            rows.push(numbers.row(iteration, time.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string()));
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search that found something better every `every` iterations.
    fn rows(count: u32, every: u32) -> Vec<EvolutionRow> {
        (1..=count)
            .map(|iteration| {
                let step = f64::from(iteration / every);
                let ms = iteration * 137 % 1000;
                EvolutionRow {
                    iteration,
                    timestamp: format!("2026-11-24T05:{:02}:18.{ms:03}+00:00", iteration % 60),
                    max_temp_c: 41.0 + 1.0 / (3.0 + step),
                    min_clearance_mm: (step > 1.0).then_some(0.1 + 0.2),
                    total_mass_kg: 8.5,
                    total_power_w: 80.0,
                    num_violations: usize::from(step < 2.0),
                    feasible: step >= 2.0,
                    score: Some(1.0 / (7.0 + step)),
                    cg_offset_mm: 3.0,
                }
            })
            .collect()
    }

    #[test]
    fn rows_come_back_bit_for_bit() {
        for (count, every) in [(0, 1), (1, 1), (7, 1), (50, 4)] {
            let rows = rows(count, every);
            let text = serde_json::to_string(&Packed::pack(&rows).expect("packed")).expect("json");
            let again: Packed = serde_json::from_str(&text).expect("read");
            assert_eq!(again.unpack().expect("unpacked"), rows);
        }
    }

    #[test]
    fn ten_thousand_iterations_stay_small() {
        let packed = Packed::pack(&rows(10_000, 100)).expect("packed");
        let bytes = serde_json::to_vec(&packed).expect("json").len();
        // Most of it are time steps; a real clock makes shorter ones.
        assert!(bytes < 100_000, "{bytes} bytes");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let mut packed = Packed::pack(&rows(5, 2)).expect("packed");
        packed.times_ms.pop();
        assert!(packed.unpack().is_err());
        packed.times_ms.push(i64::MAX);
        assert!(packed.unpack().is_err());
        let mut rows = rows(2, 1);
        rows[1].timestamp = "noon".to_owned();
        assert!(Packed::pack(&rows).expect_err("no time").contains("noon"));
    }
}
