//! Every metric is made here once, with its name, what it means and its labels.

use std::borrow::Cow;
use std::fmt::Debug;

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::sharded::{Latency, Sharded};

/// What only grows.
pub(crate) type Count = Counter<u64, Sharded>;
/// What goes up and down.
pub(crate) type Level = Gauge;
/// The same as a fraction.
pub(crate) type Fraction = Gauge<f64, std::sync::atomic::AtomicU64>;

/// Begins every name.
pub(crate) const PREFIX: &str = "msgalaxy";

/// Collects the metrics of one server.
pub(super) struct Registrar {
    pub(super) registry: Registry,
    pub(super) declared: Vec<Declared>,
}

/// What is known of a metric before anything is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) labels: Vec<&'static str>,
}

type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// A metric of many values, told apart by labels.
#[derive(Debug, Clone)]
pub(crate) struct Labeled<M, const N: usize> {
    names: [&'static str; N],
    family: Family<Labels<N>, M>,
}

impl Registrar {
    pub(super) fn new() -> Registrar {
        Registrar { registry: Registry::with_prefix(PREFIX), declared: Vec::new() }
    }

    /// A metric without labels.
    pub(super) fn one<M>(&mut self, name: &'static str, help: &'static str, metric: M) -> M
    where
        M: EncodeMetric + TypedMetric + Clone + Debug + Send + Sync + 'static,
    {
        self.declare::<M>(name, &[]);
        self.registry.register(name, help, metric.clone());
        metric
    }

    /// A metric with labels.
    pub(super) fn many<M, const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        make: fn() -> M,
    ) -> Labeled<M, N>
    where
        M: EncodeMetric + TypedMetric + Clone + Debug + Send + Sync + 'static,
    {
        self.declare::<M>(name, &labels);
        let family = Family::new_with_constructor(make);
        self.registry.register(name, help, family.clone());
        Labeled { names: labels, family }
    }

    pub(super) fn count(&mut self, name: &'static str, help: &'static str) -> Count {
        self.one(name, help, Count::default())
    }

    pub(super) fn level(&mut self, name: &'static str, help: &'static str) -> Level {
        self.one(name, help, Level::default())
    }

    pub(super) fn counts<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
    ) -> Labeled<Count, N> {
        self.many(name, help, labels, Count::default)
    }

    pub(super) fn levels<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
    ) -> Labeled<Level, N> {
        self.many(name, help, labels, Level::default)
    }

    pub(super) fn latency(&mut self, name: &'static str, help: &'static str, latency: Latency) -> Latency {
        self.one(name, help, latency)
    }

    fn declare<M: TypedMetric>(&mut self, name: &str, labels: &[&'static str]) {
        let kind = M::TYPE;
        let (suffix, kind) = match kind.as_str() {
            "counter" => ("_total", "counter"),
            "gauge" => ("", "gauge"),
            _ => ("", "histogram"),
        };
        let name = format!("{PREFIX}_{name}{suffix}");
        self.declared.push(Declared { name, kind, labels: labels.to_vec() });
    }
}

impl<M: Clone, const N: usize> Labeled<M, N> {
    /// The metric of these values; it is there from now on.
    pub(crate) fn of<V: Into<Cow<'static, str>>>(&self, values: [V; N]) -> M {
        let mut values = values.into_iter();
        let labels = self.names.map(|name| (name, values.next().map(V::into).unwrap_or_default()));
        self.family.get_or_create_owned(&labels)
    }

    /// Forgets all values.
    pub(crate) fn clear(&self) {
        self.family.clear();
    }
}
