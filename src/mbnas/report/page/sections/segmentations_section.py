"""Patients' slices with the outlines of all networks, the worst case first.

A case of more than one slice has a slider.

Each case has one image, a strip of slices, and outlines as paths over it, one group per slice.
The page's script moves the strip and shows the group. Checkboxes hide outlines by CSS only.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from mbnas.data.images.appearance import EDGES, class_colour
from mbnas.report.markup import Markup, element, fragment
from mbnas.results.segmentations.case_selection import spread_over_order
from mbnas.results.segmentations.outlined_cases import OutlinedCase, OutlinedSlice, Segmentations
from mbnas.wording import score_text


def segmentations_section(shown: Segmentations | None) -> Markup | None:
    """Return every case to show, or why there is none; ``None`` if nothing was compared."""
    if shown is None:
        return None
    title = element("h2", "Segmentations, worst first")
    if shown.missing or not shown.cases:
        words = shown.missing or "No case was predicted by all networks."
        return element("section", title, element("p", words, class_="quiet"), id="segmentations")
    return element(
        "section",
        title,
        element("p", _explanation(shown), class_="quiet"),
        element("style", Markup(_style(shown))),
        _toggles(shown),
        *(_case(shown, case, number) for number, case in enumerate(shown.cases)),
        id="segmentations",
    )


def _explanation(shown: Segmentations) -> str:
    images = "Pictures" if shown.slice_axis is None else "Slices"
    resolution = (
        "the prepared resolution"
        if shown.step == 1
        else f"1/{shown.step} of the prepared resolution"
    )
    return (
        "Every case is segmented by networks that were not trained on it, from the first fresh "
        "initialisation. Cases are ordered by their Dice, mean over classes and networks. "
        f"{images} have {resolution} and are cropped to all foreground with a margin."
        f"{_selection(len(shown.cases), shown.num_cases)}"
        f"{' Ignored pixels are grey: they count nowhere.' if _has_ignored(shown) else ''}"
    )


def _selection(num_shown: int, num_cases: int) -> str:
    """Return which cases are shown, if not all are."""
    if num_shown == num_cases:
        return ""
    which = (
        "the worst, and a few from the middle and the best"
        if spread_over_order(num_cases, num_shown) != tuple(range(num_shown))
        else "the worst"
    )
    return f" To keep this page small, it shows {num_shown} of {num_cases} cases: {which}."


def _has_ignored(shown: Segmentations) -> bool:
    return any(each.ignored for case in shown.cases for each in case.slices)


def _style(shown: Segmentations) -> str:
    """Return the CSS for the colours of classes and for hiding what is not checked."""
    classes = [f".class-{k}{{--class:{class_colour(k)}}}" for k in range(len(shown.class_names))]
    hidden = [
        f"#segmentations:has(#shows-class-{k}:not(:checked)){{--class-{k}:hidden}}"
        f".class-{k}{{visibility:var(--class-{k},visible)}}"
        for k in range(len(shown.class_names))
    ]
    hidden += [
        f"#segmentations:has(#shows-network-{k}:not(:checked)) .network-{k}{{display:none}}"
        for k in range(len(shown.network_names))
    ]
    return "\n".join([*classes, *hidden])


def _toggles(shown: Segmentations) -> Markup:
    boxes = [_toggle("shows-reference", "reference", element("i", class_="dashed"))]
    boxes += [
        _toggle(f"shows-class-{k}", name, element("i", class_=f"swatch class-{k}"))
        for k, name in enumerate(shown.class_names)
    ]
    if _has_ignored(shown):
        boxes.append(_toggle("shows-ignored", "ignored", element("i", class_="swatch unlabelled")))
    networks = [
        _toggle(f"shows-network-{k}", name, None) for k, name in enumerate(shown.network_names)
    ]
    return fragment(
        element("fieldset", element("legend", "Outlines"), *boxes, class_="toggles"),
        element("fieldset", element("legend", "Networks"), *networks, class_="toggles"),
    )


def _toggle(name: str, words: str, sign: Markup | None) -> Markup:
    box = element("input", type="checkbox", id=name, checked="")
    return element("label", box, sign, words)


def _case(shown: Segmentations, case: OutlinedCase, number: int) -> Markup:
    return element(
        "details",
        element(
            "summary",
            element("span", case.case, _patient(case), class_="name"),
            *(
                _dice(name, dice, network)
                for network, (name, dice) in enumerate(
                    zip(shown.network_names, case.dice, strict=True)
                )
            ),
        ),
        _store(case, number),
        element(
            "div",
            _panel(shown, case, number, None),
            *(_panel(shown, case, number, network) for network in range(len(shown.network_names))),
            class_="panels",
        ),
        _slider(case) if case.num_slices > 1 else None,
        class_="case printed",
        open="" if number == 0 else None,
        data_pitch=case.height + 2,
    )


def _patient(case: OutlinedCase) -> Markup | None:
    words = [] if case.patient == case.case else [f"patient {case.patient}"]
    words += ["held out"] if case.held_out else []
    return fragment(" ", element("small", ", ".join(words))) if words else None


def _dice(name: str, dice: float | None, network: int) -> Markup:
    share = f"width:{100 * (dice or 0.0):.0f}%"
    return element(
        "span",
        element("small", name),
        element("b", score_text(dice)),
        element("i", element("i", style=share)),
        class_=f"dice network-{network}",
    )


def _store(case: OutlinedCase, number: int) -> Markup:
    """Return the strip of slices and the outlines of the reference, which every panel uses."""
    strip = element(
        "image",
        id=f"strip-{number}",
        width=case.width,
        height=len(case.slices) * (case.height + 2),
        preserveAspectRatio="none",
        href=f"data:image/png;base64,{b64encode(case.strip).decode()}",
    )
    references = (
        element("g", _paths(each.reference), id=f"reference-{number}-{place}")
        for place, each in enumerate(case.slices)
    )
    ignored = (
        element("path", class_="ignored", d=each.ignored, id=f"ignored-{number}-{place}")
        for place, each in enumerate(case.slices)
        if each.ignored
    )
    defined = element("defs", strip, *references, *ignored)
    return element("svg", defined, class_="store", width=0, height=0, aria_hidden="true")


def _panel(shown: Segmentations, case: OutlinedCase, number: int, network: int | None) -> Markup:
    """Return one picture of the case: the outlines of a network, or of the reference only."""
    name = "Reference" if network is None else shown.network_names[network]
    strip = element(
        "use",
        href=f"#strip-{number}",
        class_="strip",
        y=-(case.fullest * (case.height + 2) + 1),
    )
    picture = element(
        "svg",
        strip,
        *(
            _outlines(case.slices[place], number, place, network, is_shown=place == case.fullest)
            for place in range(len(case.slices))
        ),
        viewBox=f"0 0 {case.width} {case.height}",
        role="img",
        aria_label=f"{case.case}, {name}",
    )
    sides = ("left", "above")
    letters = () if shown.slice_axis is None else EDGES[shown.slice_axis]
    edges = (
        element("span", letter, class_=f"edge {side}", aria_hidden="true")
        for letter, side in zip(letters, sides, strict=False)
    )
    return element(
        "figure",
        element("div", picture, *edges, class_="view"),
        element("figcaption", name),
        class_="panel truth" if network is None else f"panel network-{network}",
    )


def _outlines(
    shown: OutlinedSlice, number: int, place: int, network: int | None, *, is_shown: bool
) -> Markup:
    drawn = None if network is None else _paths(shown.predicted[network])
    lines = (
        element("use", href=f"#reference-{number}-{place}", class_=kind)
        for kind in ("reference casing", "reference")
    )
    ignored = element("use", href=f"#ignored-{number}-{place}") if shown.ignored else None
    return element("g", ignored, drawn, *lines, class_="slice on" if is_shown else "slice")


def _paths(paths: Sequence[str]) -> Markup:
    return fragment(
        *(
            element("path", class_=f"class-{number}", d=path)
            for number, path in enumerate(paths)
            if path
        )
    )


def _slider(case: OutlinedCase) -> Markup:
    words = [f"slice {each.number} of {case.num_slices}" for each in case.slices]
    return element(
        "div",
        element(
            "input",
            type="range",
            min=0,
            max=len(case.slices) - 1,
            value=case.fullest,
            aria_label=f"Slice of {case.case}",
            aria_valuetext=words[case.fullest],
            autocomplete="off",
            hidden="",
        ),
        *(
            element("span", text, class_="slice on" if place == case.fullest else "slice")
            for place, text in enumerate(words)
        ),
        class_="slider",
    )
