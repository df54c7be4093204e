//! From the body of `POST /api/tasks` to a checked problem and the settings of
//! its search. Everything that is wrong is told at once; nothing that is wrong
//! becomes a task.

use model::config::Origin;
use model::{Bom, BomError, BomFormat, Checked, Language, LimitSet, Problem, SystemConfig};
use serde_json::{Map, Value};

use crate::jobs::Spec;
use crate::paths::{Lookup, Paths};
use crate::problem::ApiError;
use crate::request::{shown, without_mark};
use crate::wishes::{MAX_ITERATIONS, MAX_SEED, SearchWishes};

/// Configuration used when the client names none.
const DEFAULT_CONFIG: &str = model::examples::SYSTEM_YAML_PATH;

/// Largest request without the BOM inside it, bytes.
const BESIDE_BOM_BYTES: usize = 64 << 10;

/// A request that can be run.
#[derive(Debug)]
pub(crate) struct Order {
    /// The body, verbatim.
    pub(crate) config: Value,
    /// What the worker gets.
    pub(crate) spec: Spec,
}

/// Languages of the texts in an answer: about BOMs, and all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts {
    /// Chinese unless the client prefers English.
    pub(crate) bom: Language,
    /// English unless the client prefers Chinese.
    pub(crate) other: Language,
}

/// Reads and checks a request. Blocks: it reads files.
pub(crate) fn read(
    paths: &Paths,
    inline_bom_bytes: usize,
    body: &[u8],
    texts: Texts,
) -> Result<Order, ApiError> {
    let config = object(body)?;
    let mut fields = Fields { body: &config, problems: Vec::new() };
    let max_iterations = fields.max_iterations();
    let convergence_threshold = fields.convergence_threshold();
    let seed = fields.seed();
    let bom_file = fields.text("bom_file");
    let config_path = fields.text("config_path");
    let limits = fields.constraints();
    let inline = fields.get("bom");
    // The store and every list carry it; the BOM has a limit of its own.
    let beside_bom = config.to_string().len() - inline.map_or(0, |bom| bom.to_string().len());
    if beside_bom > BESIDE_BOM_BYTES {
        return Err(ApiError::too_large("the request body without its BOM", BESIDE_BOM_BYTES));
    }
    if inline.is_some() && bom_file.is_some() {
        fields.conflict();
    }

    let mut refusals = Refusals { texts, request: fields.problems, bom: None, config: Vec::new() };
    let mut warnings = Vec::new();
    let bom = match (inline, bom_file) {
        (Some(bom), _) if bom.to_string().len() > inline_bom_bytes => {
            return Err(ApiError::too_large("the BOM inside the request body", inline_bom_bytes));
        }
        (Some(bom), _) => refusals.bom("/bom", model::bom_from_value(bom), &mut warnings),
        (None, Some(name)) => refusals.bom("", bom_file_content(paths, name), &mut warnings),
        (None, None) => None,
    };
    let system = match system_config(paths, config_path) {
        Ok(checked) => {
            warnings.extend(checked.warnings);
            checked.value
        }
        Err(problems) => {
            refusals.config = problems;
            SystemConfig::default()
        }
    };
    let asked = config.get("bom_file").is_some_and(|value| !value.is_null()) || inline.is_some();
    if !asked && (config_path.is_none() || refusals.config.is_empty() && system.components.is_empty()) {
        refusals.request.push(
            Problem::error("request.bom_required", "需要 bom_file 或 bom", "bom_file or bom is required")
                .at("/bom_file")
                .found("neither", "bom_file, bom, or a config_path whose file has components"),
        );
    }
    let (Some(limits), true) = (limits, refusals.is_empty()) else { return Err(refusals.into_error()) };
    warnings.extend(limits.warnings);
    let satellite = match model::assemble(bom.as_ref(), &system, &limits.value) {
        Ok(checked) => {
            warnings.extend(checked.warnings);
            checked.value
        }
        Err(problems) => {
            let entries = Vec::new();
            refusals.bom = Some(("", BomError::Invalid { entries, problems }));
            return Err(refusals.into_error());
        }
    };
    let settings = SearchWishes { max_iterations, convergence_threshold, seed }.settings(&system);
    let images = system.logging.save_visualizations;
    Ok(Order { spec: Spec { satellite, settings, images, warnings }, config })
}

/// A BOM with what the default configuration makes of it: further warnings, or
/// that no satellite comes of it. A configuration that cannot be read is the
/// affair of the task that uses it.
pub(crate) fn tried(paths: &Paths, mut bom: Checked<Bom>) -> Result<Checked<Bom>, BomError> {
    let system = system_config(paths, None).map(|checked| checked.value).unwrap_or_default();
    match model::assemble(Some(&bom.value), &system, &LimitSet::default()) {
        Ok(satellite) => {
            bom.warnings.extend(satellite.warnings);
            Ok(bom)
        }
        Err(problems) => Err(BomError::Invalid { entries: bom.value.summaries(), problems }),
    }
}

/// What is wrong with a request, by the part it is wrong with.
struct Refusals {
    texts: Texts,
    request: Vec<Problem>,
    bom: Option<(&'static str, BomError)>,
    config: Vec<Problem>,
}

impl Refusals {
    fn is_empty(&self) -> bool {
        self.request.is_empty() && self.bom.is_none() && self.config.is_empty()
    }

    fn bom(
        &mut self,
        prefix: &'static str,
        parsed: Result<Checked<Bom>, BomError>,
        warnings: &mut Vec<Problem>,
    ) -> Option<Bom> {
        match parsed {
            Ok(checked) => {
                warnings.extend(checked.warnings.into_iter().map(|warning| prefixed(warning, prefix)));
                Some(checked.value)
            }
            Err(error) => {
                self.bom = Some((prefix, error));
                None
            }
        }
    }

    fn into_error(self) -> ApiError {
        let only_bom = self.request.is_empty() && self.config.is_empty();
        let other = self.texts.other;
        let mut sentences: Vec<String> =
            self.request.iter().chain(&self.config).map(|problem| problem.text(other).to_owned()).collect();
        let mut code = match (self.request.first(), self.config.first()) {
            (Some(_), _) => "request.invalid".to_owned(),
            (None, Some(problem)) => problem.code.clone(),
            (None, None) => String::new(),
        };
        let mut problems = self.request;
        problems.extend(self.config);
        if let Some((prefix, error)) = self.bom {
            sentences.push(error.summary(self.texts.bom));
            if only_bom {
                code = bom_code(&error);
            }
            problems.extend(error.problems().iter().cloned().map(|problem| prefixed(problem, prefix)));
        }
        ApiError::bad_request(code, sentences.join("; ")).with_problems(problems)
    }
}

/// The configuration of a request, or what is wrong with it. Blocks.
fn system_config(paths: &Paths, config_path: Option<&str>) -> Result<Checked<SystemConfig>, Vec<Problem>> {
    let name = config_path.unwrap_or(DEFAULT_CONFIG);
    let is_yaml = name.to_lowercase().ends_with(".yaml") || name.to_lowercase().ends_with(".yml");
    let refused =
        |problem: Problem, allowed: &str| vec![problem.at("/config_path").found(shown(name), allowed)];
    // Whether such a file exists is not told.
    if !is_yaml {
        let problem = Problem::error(
            "config.unsupported_format",
            format!("不支持的配置文件格式: {}，允许 .yaml 或 .yml", shown(name)),
            format!("unsupported configuration format: {}; allowed: .yaml, .yml", shown(name)),
        );
        return Err(refused(problem, ".yaml, .yml"));
    }
    match paths.read(name) {
        Lookup::Found(bytes) => model::config::load(&bytes, config_path.is_some(), Origin::Client),
        Lookup::TooLarge { .. } | Lookup::Missing => {
            let problem = Problem::error(
                "config.file_missing",
                format!("配置文件不存在: {}", shown(name)),
                format!("Config file not found: {}", shown(name)),
            );
            Err(refused(problem, "an existing .yaml or .yml file"))
        }
    }
}

fn bom_file_content(paths: &Paths, name: &str) -> Result<Checked<Bom>, BomError> {
    let format = format_of(name)?;
    model::parse_bom(&file(paths, name)?, format)
}

/// The form of a BOM file by its name, of which an error shows no more than the
/// end of an endless one.
pub(crate) fn format_of(name: &str) -> Result<BomFormat, BomError> {
    const ENOUGH: usize = 120;
    let skipped = name.chars().count().saturating_sub(ENOUGH);
    let end = name.char_indices().nth(skipped).map_or(name, |(at, _)| &name[at..]);
    BomFormat::from_file_name(end)
}

/// A BOM file that a client named. Blocks.
pub(crate) fn file(paths: &Paths, name: &str) -> Result<Vec<u8>, BomError> {
    match paths.read(name) {
        Lookup::Found(bytes) => Ok(bytes),
        Lookup::Missing => Err(model::bom::file_missing(&shown(name))),
        Lookup::TooLarge { limit } => Err(BomError::unreadable(
            Problem::error(
                "bom.too_large",
                format!("解析BOM文件失败: 文件过大，最多 {limit} 字节"),
                format!("the BOM file is too large, at most {limit} bytes"),
            )
            .found("a larger file", format!("<= {limit} bytes")),
        )),
    }
}

/// 400 for a BOM that cannot be used.
pub(crate) fn bom_refused(error: BomError, texts: Language) -> ApiError {
    ApiError::bad_request(bom_code(&error), error.summary(texts)).with_problems(error.problems().to_vec())
}

fn bom_code(error: &BomError) -> String {
    match error {
        BomError::Unreadable(problem) => problem.code.clone(),
        BomError::Invalid { .. } => "bom.invalid".to_owned(),
    }
}

fn prefixed(mut problem: Problem, prefix: &str) -> Problem {
    problem.pointer = format!("{prefix}{}", problem.pointer);
    problem
}

/// The body as an object; what is no request at all gets the original's text.
fn object(body: &[u8]) -> Result<Value, ApiError> {
    let required = || ApiError::bad_request("body_required", "Request body is required");
    let body = without_mark(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(required());
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let problem =
            Problem::error("request.invalid_json", "请求体不是有效的JSON", "the request body is not JSON")
                .on_line(Some((error.line() as u64, error.column() as u64)))
                .found(error.to_string(), "a JSON object");
        required().with_problems(vec![problem])
    })?;
    let falsy = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    };
    if falsy {
        return Err(required());
    }
    if !value.is_object() {
        let found = shown(&value.to_string());
        let problem = Problem::error(
            "request.wrong_type",
            "请求体必须是JSON对象",
            "the request body must be a JSON object",
        )
        .found(found, "{\"bom_file\": \"...\"}");
        return Err(ApiError::bad_request("request.invalid", "the request body must be a JSON object")
            .with_problems(vec![problem]));
    }
    Ok(value)
}

/// Reads the plain fields, noting what is wrong with each.
struct Fields<'a> {
    body: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// A field that is there; null counts as absent.
    fn get(&self, key: &str) -> Option<&'a Value> {
        self.body
            .as_object()
            .and_then(|fields: &Map<String, Value>| fields.get(key))
            .filter(|value| !value.is_null())
    }

    fn wrong<T>(&mut self, key: &str, found: &Value, allowed: [&str; 2]) -> Option<T> {
        let [allowed_zh, allowed] = allowed;
        let found = shown(&found.to_string());
        let (message_zh, message_en) = (
            format!("{key} 为 {found}，允许: {allowed_zh}"),
            format!("{key} is {found}; allowed: {allowed}"),
        );
        self.problems.push(
            Problem::error(format!("request.{key}"), message_zh, message_en)
                .at(format!("/{key}"))
                .found(found, allowed),
        );
        None
    }

    fn max_iterations(&mut self) -> Option<u32> {
        let value = self.get("max_iterations")?;
        match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (1..=MAX_ITERATIONS).contains(&number) => Some(number),
            _ => self.wrong("max_iterations", value, ["1 到 10000 的整数", "an integer from 1 to 10000"]),
        }
    }

    fn convergence_threshold(&mut self) -> Option<f64> {
        let value = self.get("convergence_threshold")?;
        match value.as_f64() {
            Some(number) if number.is_finite() && number >= 0.0 => Some(number),
            _ => self.wrong(
                "convergence_threshold",
                value,
                ["不小于 0 的数（0 表示从不提前结束）", "a number, 0 or more (0 never ends early)"],
            ),
        }
    }

    fn seed(&mut self) -> Option<u64> {
        let value = self.get("seed")?;
        match value.as_u64() {
            Some(number) if number <= MAX_SEED => Some(number),
            _ => self.wrong(
                "seed",
                value,
                ["0 到 9007199254740992 的整数", "an integer from 0 to 9007199254740992"],
            ),
        }
    }

    /// Limits of the task; `None` when they are wrong.
    fn constraints(&mut self) -> Option<Checked<LimitSet>> {
        let Some(value) = self.get("constraints") else {
            return Some(Checked { value: LimitSet::default(), warnings: Vec::new() });
        };
        match model::limits_from_value(value, "/constraints") {
            Ok(limits) => Some(limits),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    fn conflict(&mut self) {
        self.problems.push(
            Problem::error(
                "request.conflict",
                "bom 与 bom_file 只能给出一个",
                "give either bom or bom_file, not both",
            )
            .at("/bom")
            .found("bom and bom_file", "one of them"),
        );
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.get(key)?;
        match value.as_str() {
            Some(text) if !text.is_empty() => Some(text),
            _ => self.wrong(key, value, ["非空路径", "a path, not empty"]),
        }
    }
}
