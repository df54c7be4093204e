use super::variables::expand;
use super::{
    EnvelopeConfig, LoggingConfig, MAX_CONFIG_BYTES, MAX_ITERATIONS, MAX_SEED, Origin, SystemConfig,
    ThermalConfig,
};
use crate::bom::{MAX_COMPONENTS, checks, config_component, sections};
use crate::file_units::m_from_mm;
use crate::input::node::show_text;
use crate::input::{CONTACT, Content, EMISSIVITY, Node, Number, PANEL_KT, Problems, Subject, Table, yaml};
use crate::{Checked, Problem, limits};

/// Reads a configuration file (YAML).
pub fn parse_config(bytes: &[u8], origin: Origin<'_>) -> Result<Checked<SystemConfig>, Vec<Problem>> {
    let mut problems = Problems::new("config");
    let config = text_of(bytes).and_then(|text| tree_of(text, origin, &mut problems)).map(|tree| {
        let subject = Subject { zh: String::new(), en: String::new(), id: None };
        let config = Table::open(&tree, "", subject, &mut problems)
            .map(|table| read(&table, origin, &mut problems))
            .unwrap_or_default();
        problems.locate(&tree);
        config
    });
    match config {
        Err(problem) => Err(vec![*problem]),
        Ok(config) => problems.finish().map(|warnings| Checked { value: config, warnings }),
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, Box<Problem>> {
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err(Box::new(
            Problem::error(
                "config.too_large",
                format!("配置文件过大，最多 {MAX_CONFIG_BYTES} 字节"),
                format!("the configuration file is too large, at most {MAX_CONFIG_BYTES} bytes"),
            )
            .found(format!("{} bytes", bytes.len()), format!("<= {MAX_CONFIG_BYTES} bytes")),
        ));
    }
    std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)).map_err(|error| {
        Box::new(
            Problem::error(
                "config.not_utf8",
                "配置文件不是UTF-8编码",
                "the configuration file is not UTF-8 text",
            )
            .found(format!("invalid byte at offset {}", error.valid_up_to()), "UTF-8 text"),
        )
    })
}

fn tree_of(text: &str, origin: Origin<'_>, problems: &mut Problems) -> Result<Node, Box<Problem>> {
    let mut tree = yaml::parse(text).map_err(|(detail, place)| {
        Box::new(
            Problem::error(
                "config.syntax",
                format!("配置文件格式错误: {detail}"),
                format!("the configuration cannot be parsed: {detail}"),
            )
            .on_line(place)
            .found(detail, "well-formed YAML"),
        )
    })?;
    if tree.is_null() {
        // An empty file configures nothing.
        tree.content = Content::Table(vec![]);
    }
    expand(&mut tree, "", origin, problems);
    Ok(tree)
}

fn read(table: &Table<'_>, origin: Origin<'_>, problems: &mut Problems) -> SystemConfig {
    let mut config = SystemConfig::default();
    table.check_keys(
        &[
            "project",
            "geometry",
            "simulation",
            "optimization",
            "thermal",
            "environment",
            "openai",
            "knowledge",
            "logging",
        ],
        problems,
    );
    if let Some(section) = table.table("project", problems) {
        section.check_keys(&["name", "version", "description"], problems);
        config.project_name = section.text("name", problems).filter(|name| !name.trim().is_empty());
        section.text("description", problems);
    }
    if let Some(section) = table.table("geometry", problems) {
        geometry(&section, &mut config, problems);
    }
    if let Some(section) = table.table("simulation", problems) {
        simulation(&section, &mut config, problems);
    }
    // The limits of a configuration in use, where it states none.
    config.limits.max_temp_k.get_or_insert(crate::file_units::k_from_c(50.0));
    config.limits.min_clearance_m.get_or_insert(m_from_mm(3.0));
    config.limits.max_mass_kg.get_or_insert(150.0);
    config.limits.max_power_w.get_or_insert(500.0);
    if let Some(section) = table.table("thermal", problems) {
        let (thermal, uncertainty_k) = thermal(&section, problems);
        config.thermal = thermal;
        config.limits.temperature_uncertainty_k = config.limits.temperature_uncertainty_k.or(uncertainty_k);
    }
    config.orbit =
        table.table("environment", problems).and_then(|section| sections::environment(&section, problems));
    if let Some(section) = table.table("optimization", problems) {
        optimization(&section, &mut config, problems);
    }
    if let Some(section) = table.table("openai", problems) {
        section.check_keys(&["api_key", "model", "base_url", "temperature", "max_tokens"], problems);
        // The key itself is a secret: it is neither kept nor repeated.
        unused(table, "openai", "no language model is used", "不使用语言模型", None, problems);
    }
    if let Some(section) = table.table("knowledge", problems) {
        section.check_keys(&["base_path"], problems);
        unused(table, "knowledge", "no knowledge base is used", "不使用知识库", Some(&mut config), problems);
    }
    if let Some(section) = table.table("logging", problems) {
        config.logging = logging(&section, origin, &mut config, problems);
    }
    config
}

fn geometry(section: &Table<'_>, config: &mut SystemConfig, problems: &mut Problems) {
    section.check_keys(
        &["envelope", "components", "keepouts", "keep_out", "clearance_mm", "multistart", "synth"],
        problems,
    );
    if let Some(envelope) = section.table("envelope", problems) {
        config.envelope = envelope_config(&envelope, problems);
    }
    let items = sections::limited(section, "components", problems);
    if items.len() > MAX_COMPONENTS {
        problems.push(
            Problem::error(
                "config.too_many_components",
                format!("组件过多: {}，最多 {MAX_COMPONENTS} 个", items.len()),
                format!("too many components: {}, at most {MAX_COMPONENTS}", items.len()),
            )
            .at(section.pointer_to("components"))
            .found(items.len().to_string(), format!("<= {MAX_COMPONENTS}")),
        );
    } else {
        for (at, (pointer, node)) in items.into_iter().enumerate() {
            config.components.extend(config_component::read(node, pointer, at + 1, problems));
        }
        if let Some(Content::List(nodes)) = section.get("components").map(|node| &node.content) {
            checks::ids(&section.pointer_to("components"), nodes, problems);
        }
    }
    config.keep_outs = sections::keep_outs(section, problems);
    if let Some(spacing) = section.number("clearance_mm", Number::within(0.0, 1e4, "mm"), problems) {
        config.start_spacing_m = m_from_mm(spacing);
    }
    config.multistart = section.integer("multistart", 1, 1000, problems).map(|value| value as u32);
    for (key, en, zh) in [
        ("multistart", "the search chooses its own number of starts", "搜索自行决定起点数量"),
        ("synth", "random test components are not made", "不生成随机测试组件"),
    ] {
        unused(section, key, en, zh, Some(config), problems);
    }
}

fn envelope_config(section: &Table<'_>, problems: &mut Problems) -> EnvelopeConfig {
    section.check_keys(
        &["auto_envelope", "fill_ratio", "size_ratio", "size_mm", "shell_thickness_mm", "origin"],
        problems,
    );
    let mut envelope = EnvelopeConfig::default();
    let size_rule = Number::within(0.01, 1e5, "mm");
    envelope.size_m = section.triple("size_mm", size_rule, problems).map(|size| size.map(m_from_mm));
    // A file that states a size and not how it is meant means that size.
    envelope.auto = section.boolean("auto_envelope", problems).unwrap_or(envelope.size_m.is_none());
    if let Some(ratio) = section.number("fill_ratio", Number::above(0.0, 1.0, ""), problems) {
        envelope.fill_ratio = ratio;
    }
    if let Some(ratio) = section.triple("size_ratio", Number::above(0.0, 1e3, ""), problems) {
        envelope.size_ratio = ratio;
    }
    if let Some(thickness) = section.number("shell_thickness_mm", Number::within(0.0, 1e3, "mm"), problems) {
        envelope.shell_thickness_m = m_from_mm(thickness);
    }
    if let Some(origin) = section.choice("origin", &["center", "corner"], problems) {
        envelope.origin_at_corner = origin == "corner";
    }
    if !envelope.auto && section.get("size_mm").is_none() {
        problems.push(
            section
                .error_at(
                    "size_mm",
                    section.get("auto_envelope").unwrap_or(section.node),
                    problems.code("missing_field"),
                    "auto_envelope为false时必须给出size_mm",
                    "size_mm is required when auto_envelope is false",
                )
                .found("nothing", "[x, y, z] in mm"),
        );
    }
    if let Some(size) = envelope.size_m
        && !envelope.auto
        && size.iter().any(|size| size - 2.0 * envelope.shell_thickness_m <= 0.0)
    {
        let node = section.get("size_mm").unwrap_or(section.node);
        problems.push(
            section
                .error_at(
                    "size_mm",
                    node,
                    problems.code("shell_too_thick"),
                    "外壳太厚，内部没有空间",
                    "the shell is so thick that nothing is left inside",
                )
                .found(
                    section.get("shell_thickness_mm").map_or_else(|| "1".to_owned(), Node::shown),
                    "less than half of the smallest size",
                ),
        );
    }
    envelope
}

fn simulation(section: &Table<'_>, config: &mut SystemConfig, problems: &mut Problems) {
    let foreign = ["type", "matlab_workspace", "matlab_function", "comsol_model", "comsol_parameters"];
    section.check_keys(&[&["backend", "constraints"], &foreign[..]].concat(), problems);
    if let Some(backend) = section.choice("backend", &["simplified", "matlab", "comsol"], problems)
        && backend != "simplified"
    {
        unused(
            section,
            "backend",
            "the built-in models are used instead of an external solver",
            "使用内置模型，不调用外部求解器",
            Some(config),
            problems,
        );
    }
    for key in foreign {
        unused(section, key, "no external solver is called", "不调用外部求解器", Some(config), problems);
    }
    if let Some(section) = section.table("constraints", problems) {
        config.limits = limits::read(&section, problems);
    }
}

fn thermal(section: &Table<'_>, problems: &mut Problems) -> (ThermalConfig, Option<f64>) {
    section.check_keys(
        &[
            "panel_kt_w_per_k",
            "panel_area_density_kg_m2",
            "edge_conductance_w_per_m_k",
            "outer_emissivity",
            "outer_absorptivity",
            "inner_emissivity",
            "component_emissivity",
            "contact_conductance_w_m2k",
            "hot_absorbed_w_m2",
            "cold_absorbed_w_m2",
            "space_temp_k",
            "temperature_uncertainty_k",
        ],
        problems,
    );
    let mut thermal = ThermalConfig::default();
    let mut set = |place: &mut f64, key: &str, rule: Number| {
        if let Some(value) = section.number(key, rule, problems) {
            *place = value;
        }
    };
    set(&mut thermal.panel_kt_w_per_k, "panel_kt_w_per_k", PANEL_KT);
    set(
        &mut thermal.panel_area_density_kg_per_m2,
        "panel_area_density_kg_m2",
        Number::within(0.0, 1e3, "kg/m²"),
    );
    set(
        &mut thermal.edge_conductance_w_per_m_k,
        "edge_conductance_w_per_m_k",
        Number::within(0.0, 1e6, "W/(m K)"),
    );
    set(&mut thermal.outer_emissivity, "outer_emissivity", EMISSIVITY);
    set(&mut thermal.outer_absorptivity, "outer_absorptivity", Number::within(0.0, 1.0, ""));
    set(&mut thermal.inner_emissivity, "inner_emissivity", EMISSIVITY);
    set(&mut thermal.component_emissivity, "component_emissivity", EMISSIVITY);
    set(&mut thermal.contact_conductance_w_per_m2_k, "contact_conductance_w_m2k", CONTACT);
    let flux = Number::within(0.0, 1e4, "W/m²");
    set(&mut thermal.hot_absorbed_w_per_m2, "hot_absorbed_w_m2", flux);
    set(&mut thermal.cold_absorbed_w_per_m2, "cold_absorbed_w_m2", flux);
    set(&mut thermal.space_temp_k, "space_temp_k", Number::within(0.0, 300.0, "K"));
    let uncertainty = section.number("temperature_uncertainty_k", Number::within(0.0, 200.0, "K"), problems);
    (thermal, uncertainty)
}

fn optimization(section: &Table<'_>, config: &mut SystemConfig, problems: &mut Problems) {
    let foreign = ["allowed_operators", "solver_method", "solver_tolerance"];
    section
        .check_keys(&[&["max_iterations", "convergence_threshold", "seed"], &foreign[..]].concat(), problems);
    let wanted = &mut config.optimization;
    wanted.max_iterations =
        section.integer("max_iterations", 1, u64::from(MAX_ITERATIONS), problems).map(|value| value as u32);
    wanted.convergence_threshold =
        section.number("convergence_threshold", Number::within(0.0, 1e6, ""), problems);
    wanted.seed = section.integer("seed", 0, MAX_SEED, problems);
    for key in foreign {
        unused(
            section,
            key,
            "the search uses its own moves",
            "搜索使用自己的移动方式",
            Some(config),
            problems,
        );
    }
}

fn logging(
    section: &Table<'_>,
    origin: Origin<'_>,
    config: &mut SystemConfig,
    problems: &mut Problems,
) -> LoggingConfig {
    section.check_keys(
        &["output_dir", "base_dir", "level", "save_llm_interactions", "save_visualizations"],
        problems,
    );
    let mut logging = LoggingConfig::default();
    if let Some((key, node)) = section.get_any(&["output_dir", "base_dir"])
        && let Some(dir) = section.text(key, problems)
    {
        match origin {
            Origin::Operator(_) => logging.output_dir = Some(dir).filter(|dir| !dir.is_empty()),
            // What the sample file has, so it needs no word.
            Origin::Client if dir == "experiments" => {}
            Origin::Client => problems.push(
                section
                    .warning_at(
                        key,
                        node,
                        problems.code("directory_not_allowed"),
                        format!("{key}已忽略，只有运维者配置的文件可以指定目录"),
                        format!(
                            "{key} is ignored, only files that the operator configured choose directories"
                        ),
                    )
                    .found(show_text(&dir), "experiments"),
            ),
        }
    }
    if let Some(wanted) = section.boolean("save_visualizations", problems) {
        logging.save_visualizations = wanted;
    }
    unused(
        section,
        "level",
        "the server's own settings decide",
        "由服务器自身设置决定",
        Some(config),
        problems,
    );
    if section.boolean("save_llm_interactions", problems) == Some(true) {
        unused(
            section,
            "save_llm_interactions",
            "no language model is used",
            "不使用语言模型",
            Some(config),
            problems,
        );
    }
    logging
}

/// Notes that a key is understood and has no effect, and why.
fn unused(
    section: &Table<'_>,
    key: &str,
    why_en: &str,
    why_zh: &str,
    config: Option<&mut SystemConfig>,
    problems: &mut Problems,
) {
    let Some(node) = section.get(key) else { return };
    let mut found = "(set)".to_owned();
    if let Some(config) = config {
        found = node.shown();
        config.kept.insert(section.pointer_to(key), node.to_value());
    }
    problems.push(
        section
            .warning_at(
                key,
                node,
                problems.code("no_effect"),
                format!("{key}不起作用: {why_zh}"),
                format!("{key} has no effect: {why_en}"),
            )
            .found(found, "any value; it has no effect"),
    );
}
