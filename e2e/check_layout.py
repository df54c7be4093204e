#!/usr/bin/env python3
"""Checks a design-state file against its BOM. Shares no code with MsGalaxy, on purpose.

    check_layout.py design_state_iter_20.json my_bom.json

Recomputes from the two files alone: that every component is there, that none overlaps another or
leaves the envelope, the clearances, the mass and the centre of mass, and compares them with what
the file claims. Prints what is wrong; exit code 0 when nothing is.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Lengths are written to a nanometre (1e-6 mm). Two rounded corners and a rounded claim differ by at
# most sqrt(3) * 1e-6 + 0.5e-6 mm.
TOLERANCE_MM = 2.5e-6
# The same for sums over some hundred terms, relative.
RELATIVE = 1e-9
# Panels without data of their own: aluminium (2700 kg/m3), 2 mm.
PANEL_DENSITY_KG_M2 = 2700 * 0.002
AXES = ("x", "y", "z")
PANELS = {"+X": (0, 1), "-X": (0, -1), "+Y": (1, 1), "-Y": (1, -1), "+Z": (2, 1), "-Z": (2, -1)}


@dataclass
class Part:
    """A component as an axis-aligned box, mm."""

    id: str
    low: list[float]
    high: list[float]
    mass: float

    @property
    def center(self) -> list[float]:
        return [(a + b) / 2 for a, b in zip(self.low, self.high, strict=True)]


@dataclass
class Report:
    """What was found. Empty lists: nothing is wrong."""

    missing: list[str] = field(default_factory=list)
    overlapping: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    feasible: bool = False
    components: int = 0
    min_clearance_mm: float | None = None
    mass_kg: float = 0.0
    cg_offset_mm: float = 0.0

    @property
    def ok(self) -> bool:
        return not (self.missing or self.overlapping or self.outside or self.wrong)

    def lines(self) -> list[str]:
        return [
            *(f"missing: {text}" for text in self.missing),
            *(f"overlap: {text}" for text in self.overlapping),
            *(f"outside: {text}" for text in self.outside),
            *(f"wrong: {text}" for text in self.wrong),
        ]


def check_files(state_path: Path, bom_path: Path) -> Report:
    state = json.loads(state_path.read_text("utf-8"))
    return check(state, read_bom(bom_path))


def read_bom(path: Path) -> dict[str, Any]:
    """The BOM as an object."""
    text = path.read_text("utf-8-sig")
    if path.suffix.lower() == ".csv":
        return {"components": [_csv_component(row) for row in csv.DictReader(text.splitlines())]}
    if path.suffix.lower() in (".yaml", ".yml"):
        # Only here, so that the other forms need nothing but Python itself.
        import yaml

        bom = yaml.safe_load(text)
    else:
        bom = json.loads(text)
    return {"components": bom} if isinstance(bom, list) else bom


def _csv_component(row: dict[str, str]) -> dict[str, Any]:
    return {
        "id": row["id"].strip(),
        "dimensions": {axis: float(row[f"dim_{axis}"]) for axis in AXES},
        "mass": float(row["mass"]),
        "power": float(row["power"]),
        "quantity": int((row.get("quantity") or "").strip() or 1),
    }


def check(state: dict[str, Any], bom: dict[str, Any]) -> Report:
    report = Report()
    metadata = state.get("metadata") or {}
    report.feasible = metadata.get("feasible") is True
    entries = _expand(bom["components"])
    written = {part["id"]: part for part in state["components"]}
    report.components = len(entries)
    if len(written) != len(state["components"]):
        report.wrong.append("an id stands in the file twice")
    report.missing += sorted(set(entries) - set(written))
    report.wrong += [f"{extra} is not in the BOM" for extra in sorted(set(written) - set(entries))]

    parts = []
    for id, entry in entries.items():
        if id in written:
            _check_copied(report, entry, written[id])
            parts.append(_part(report, written[id]))
    half = [state["envelope"]["inner_size"][axis] / 2 for axis in AXES]
    _check_envelope(report, bom, half, parts)
    clearance = _check_pairs(report, parts)
    _check_clearance_limit(report, bom, metadata, clearance)
    _check_mass(report, bom, metadata, half, parts)
    if report.feasible:
        _check_keepouts(report, bom, entries, parts)
        for part in parts:
            _check_mounting(report, entries[part.id], written[part.id], half, part)
    return report


def _expand(components: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for entry in components:
        count = int(entry.get("quantity") or 1)
        if count == 1:
            entries[entry["id"]] = entry
        else:
            for number in range(1, count + 1):
                entries[f"{entry['id']}_{number:02}"] = entry
    return entries


def _check_copied(report: Report, entry: dict[str, Any], written: dict[str, Any]) -> None:
    for key in ("mass", "power"):
        if not _close(written[key], entry[key]):
            report.wrong.append(f"{written['id']}: {key} {written[key]}, BOM {entry[key]}")
    for axis in AXES:
        if not _close(written["dimensions"][axis], entry["dimensions"][axis]):
            report.wrong.append(f"{written['id']}: dimension {axis} differs from the BOM")


def _part(report: Report, written: dict[str, Any]) -> Part:
    # Rz Ry Rx about the centre; the box stays parallel to the axes, so every row and column of the
    # matrix has one entry of magnitude 1.
    matrix = _rotation(*(math.radians(written["rotation"][axis]) for axis in AXES))
    size = [written["dimensions"][axis] for axis in AXES]
    for row in matrix:
        if abs(max(map(abs, row)) - 1) > 1e-9:
            report.wrong.append(f"{written['id']}: rotation is not by quarter turns")
            break
    extent = [sum(abs(row[k]) * size[k] for k in range(3)) for row in matrix]
    low = [written["position"][axis] for axis in AXES]
    part = Part(
        written["id"], low, [a + b for a, b in zip(low, extent, strict=True)], written["mass"]
    )
    for axis, value in zip(AXES, part.center, strict=True):
        if abs(written["center"][axis] - value) > TOLERANCE_MM:
            report.wrong.append(f"{part.id}: center {axis} is not the middle of its box")
    return part


def _rotation(x: float, y: float, z: float) -> list[list[float]]:
    cx, sx, cy, sy, cz, sz = (f(a) for a in (x, y, z) for f in (math.cos, math.sin))
    return [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]


def _check_envelope(
    report: Report, bom: dict[str, Any], half: list[float], parts: list[Part]
) -> None:
    if asked := bom.get("envelope"):
        for axis, value in zip(AXES, half, strict=True):
            if not _close(2 * value, asked[axis]):
                report.wrong.append(f"envelope {axis} is {2 * value}, BOM {asked[axis]}")
    for part in parts:
        for k in range(3):
            beyond = max(part.high[k] - half[k], -half[k] - part.low[k])
            if beyond > TOLERANCE_MM:
                report.outside.append(f"{part.id} by {beyond:.6f} mm along {AXES[k]}")


def _gap(a: Part, b: Part) -> float:
    """Euclidean distance of two boxes; negative: how deep they are in each other."""
    apart = [max(a.low[k] - b.high[k], b.low[k] - a.high[k]) for k in range(3)]
    if max(apart) < 0:
        return max(apart)
    return math.hypot(*(max(value, 0) for value in apart))


def _check_pairs(report: Report, parts: list[Part]) -> float | None:
    gaps = []
    for a, b in itertools.combinations(parts, 2):
        gap = _gap(a, b)
        gaps.append(gap)
        if gap < -TOLERANCE_MM:
            report.overlapping.append(f"{a.id} and {b.id} by {-gap:.6f} mm")
    report.min_clearance_mm = min(gaps, default=None)
    return report.min_clearance_mm


def _check_clearance_limit(
    report: Report, bom: dict[str, Any], metadata: dict[str, Any], clearance: float | None
) -> None:
    claimed = (metadata.get("metrics") or {}).get("min_clearance")
    if clearance is None or claimed is None:
        agrees = clearance is claimed
    else:
        agrees = abs(clearance - claimed) <= TOLERANCE_MM
    if not agrees:
        report.wrong.append(f"min_clearance: file {claimed}, recomputed {clearance}")
    constraints = bom.get("constraints") or {}
    limit = next(
        (
            constraints[k]
            for k in ("min_clearance_mm", "min_clearance", "distance")
            if k in constraints
        ),
        None,
    )
    if limit is None:
        limits = [c["limit"] for c in metadata["constraints"] if c["group"] == "clearance"]
        limit = max(limits, default=0)
    if report.feasible and clearance is not None and clearance < limit - TOLERANCE_MM:
        report.wrong.append(f"called feasible with a clearance of {clearance} mm, limit {limit}")


def _check_mass(
    report: Report,
    bom: dict[str, Any],
    metadata: dict[str, Any],
    half: list[float],
    parts: list[Part],
) -> None:
    report.mass_kg = sum(part.mass for part in parts)
    claimed = metadata.get("metrics") or {}
    if not _close(claimed.get("total_mass", math.nan), report.mass_kg):
        report.wrong.append(f"total_mass: file {claimed.get('total_mass')}, sum {report.mass_kg}")
    masses = [(part.mass, part.center) for part in parts]
    for fixed in bom.get("fixed_masses") or []:
        masses.append((fixed["mass"], [fixed["position"][axis] for axis in AXES]))
    # Six like panels: their moments cancel, their mass does not.
    areas_m2 = [8 * half[0] * half[1] * half[2] / half[k] * 1e-6 for k in range(3)]
    masses.append((PANEL_DENSITY_KG_M2 * sum(areas_m2), [0.0, 0.0, 0.0]))
    total = sum(mass for mass, _ in masses)
    cg = [sum(mass * at[k] for mass, at in masses) / total for k in range(3)]
    report.cg_offset_mm = math.hypot(*cg)
    if abs(claimed.get("cg_offset", math.nan) - report.cg_offset_mm) > TOLERANCE_MM:
        text = f"file {claimed.get('cg_offset')}, recomputed {report.cg_offset_mm}"
        report.wrong.append(f"cg_offset: {text}")


def _check_keepouts(
    report: Report, bom: dict[str, Any], entries: dict[str, Any], parts: list[Part]
) -> None:
    for keepout in bom.get("keepouts") or []:
        box = Part(keepout.get("tag", "keep-out"), keepout["min_mm"], keepout["max_mm"], 0)
        exempt = set(keepout.get("exempt") or [])
        for part in parts:
            if part.id in exempt or entries[part.id]["id"] in exempt:
                continue
            if _gap(part, box) < -TOLERANCE_MM:
                report.wrong.append(f"called feasible with {part.id} in keep-out {box.id}")


def _check_mounting(
    report: Report, entry: dict[str, Any], written: dict[str, Any], half: list[float], part: Part
) -> None:
    if entry.get("fixed"):
        for axis, value in zip(AXES, part.low, strict=True):
            if abs(value - _corner(entry["fixed_position_min_mm"], axis)) > TOLERANCE_MM:
                report.wrong.append(f"{part.id} is fixed but was moved along {axis}")
        return
    panel = str(written.get("panel"))
    allowed = entry.get("allowed_panels") or list(PANELS)
    if panel not in allowed:
        report.wrong.append(f"{part.id} stands on {panel}, allowed {allowed}")
        return
    k, sign = PANELS[panel]
    face = part.high[k] if sign > 0 else part.low[k]
    if abs(face - sign * half[k]) > TOLERANCE_MM:
        report.wrong.append(f"{part.id} does not touch its panel {panel}")


def _corner(value: Any, axis: str) -> float:
    return float(value[axis] if isinstance(value, dict) else value[AXES.index(axis)])


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=1e-12)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    report = check_files(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(report.lines()) or "nothing is wrong")
    gap = report.min_clearance_mm
    print(
        f"{report.components} components, {report.mass_kg:.3f} kg, centre of mass"
        f" {report.cg_offset_mm:.3f} mm off"
        + ("" if gap is None else f", smallest clearance {gap:.3f} mm")
    )
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
