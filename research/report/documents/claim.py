"""The first half of a claim's page: sentence, design, picture and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from research.claims.estimate import EXACT, FEWEST, estimate
from research.claims.judge import NO_MARGIN
from research.claims.question import Question
from research.claims.remarks import describe_training
from research.claims.verdict import DEPENDS, NOT_RUN, UNDETERMINED, Answer, Case
from research.report.documents.beside import repeats_of, write_details
from research.report.documents.judged import Judged
from research.report.documents.words import (
    count_words,
    end_sentence,
    name_data,
    say_verdict,
    write_table,
)
from research.report.effects import (
    Scale,
    format_rule,
    say_contrast,
    say_difference,
    say_p,
    scale_of,
)
from research.report.formats import MISSING, format_effect, format_number, format_p
from research.report.words import capitalize, spell_arms, word_key

MOST = "over 10,000"  # seeds, of which no number suffices
NAMED = 3  # seeds that are named; of more only how many
FEW = 2  # cases that a line has room for
SAME_CASES = "The cases are those above."
SMALL = 0.001  # below which a loss is not told more exactly


def write_claim(found: Judged, folder: str) -> str:
    """Returns the page up to its numbers, in Markdown.

    Without rows it has the design and nothing that looks like a result.

    Args:
      found: the claim.
      folder: of the store, as the page links to it.
    """
    parts = [
        f"# {found.verdict.id}: {found.claim.sentence}",
        write_outcome(found),
        "## How it is tested",
        *write_design(found),
    ]
    if found.ran and not found.elsewhere:
        pictures = [*write_pictures(found, folder)]
        parts += ["## The picture", *pictures] if pictures else []
        parts += ["## The numbers", *write_numbers(found)]
    return "\n\n".join(part for part in parts if part)


def write_outcome(found: Judged) -> str:
    """Returns the outcome of each question, or that there is none."""
    lines = [*list_answers(found.verdict.answers)]
    if not found.ran or not lines:
        verdict = found.verdict.verdict if found.ran else NOT_RUN
        return f"**{capitalize(say_verdict(verdict))}.**"
    bullet = "- " if len(lines) > 1 else ""
    return "\n".join(f"{bullet}{line}" for line in lines)


def list_answers(answers: Sequence[Answer]) -> Iterator[str]:
    """Yields a line for each question: its verdict, what was asked, and the effect."""
    for one in answers:
        named = f"{capitalize(key)}: " if (key := word_key(one.key)) else ""
        verdict = say_verdict(one.verdict)
        asked = say_contrast(one.asks, one.unit)
        ran = one.verdict != NOT_RUN and not one.repeats
        effect = f" {end_sentence(capitalize(sum_up(one)))}" if ran else ""
        verdict = verdict if named else capitalize(verdict)
        yield f"{named}**{verdict}** – {end_sentence(asked)}{effect}"


def sum_up(answer: Answer) -> str:
    """Returns the effects of a question in a line, of many cases their range."""
    scale = scale_of(answer.unit)
    cases = [one for one in answer.cases if one.effect is not None]
    if len(cases) > FEW:
        shown = sorted(scale.show(one.effect) or 0.0 for one in cases)
        ends = f"{format_effect(shown[0])} to {format_effect(shown[-1])}"
        return f"{ends} {scale.unit}, over {len(cases)} cases"
    said = []
    for one in cases:
        text = scale.format(one.effect, one.low, one.high)
        said.append(f"{spell_arms(one.name)}: {text}" if one.name else text)
    return f"{', '.join(said)} {scale.unit}"


def write_design(found: Judged) -> Iterator[str]:
    """Yields the design: what is compared, on what, and by which rule."""
    claim, used = found.claim, found.pool.runs_of(found.claim)
    yield claim.design
    if claim.arms and (deciding := claim.primary or claim.secondary):
        seeds = count_words(found.pool.count_seeds(claim), "seed")
        text = f"Networks that are compared, {seeds} each: {'; '.join(deciding)}."
        if claim.primary and claim.secondary:
            text += f" Further ones: {'; '.join(claim.secondary)}."
        yield spell_arms(text)
    if found.ran and len(used):
        yield name_data(describe_training(used))
    for place, answer in enumerate(found.verdict.answers, start=1):
        question = claim.questions[answer.key]
        asked = capitalize(say_contrast(answer.asks, answer.unit))
        text = f"{place}. **{end_sentence(asked)}** {capitalize(format_rule(answer))}"
        yield f"{text}. Why this margin: {question.reason}{say_family(question)}"


def say_family(question: Question) -> str:
    """Returns the family of a question, or that it came afterwards; else nothing."""
    if question.afterwards:
        return " Asked when the result was known."
    if question.family is None:
        return ""
    name, size = question.family
    return f" One of {size} {name} questions, which are corrected together."


def write_pictures(found: Judged, folder: str) -> Iterator[str]:
    """Yields the figures of the claim that the store has."""
    for name in found.verdict.figures:
        if name != "verdicts" and (found.store / f"{name}.png").exists():
            words = f"{found.verdict.id}: every effect with its interval"
            yield f"![{words}]({folder}/{name}.png)"


def write_numbers(found: Judged) -> Iterator[str]:
    """Yields each question with its cases, then the contrasts beside."""
    for answer in found.verdict.answers:
        asked = capitalize(say_contrast(answer.asks, answer.unit))
        yield f"### {asked}"
        yield f"**{capitalize(say_verdict(answer.verdict))}.**"
        if answer.verdict != NOT_RUN:
            question = found.claim.questions[answer.key]
            if answer.repeats:
                yield " ".join([SAME_CASES, *remark_p(answer)])
                continue
            yield tabulate_cases(answer, question)
            yield " ".join(remark(answer, question, found))
    yield from write_details(found)


def tabulate_cases(answer: Answer, question: Question) -> str:
    """Returns the cases of a question as a table."""
    scale = scale_of(answer.unit)
    head = [
        "case",
        f"effect in {scale.unit}" if not scale.ratio else scale.unit,
        "95 % interval",
        "this case alone",
        repeats_of(question),
        name_spread(scale),
        "correlation of the arms",
        "bootstrap",
        f"{repeats_of(question)} to decide it",
    ]
    lines = []
    for case in answer.cases:
        value, _, ends = scale.format(case.effect, case.low, case.high).partition(" ")
        crossed = case.crossed or (None, None)
        _, _, check = scale.format(case.effect, *crossed).partition(" ")
        lines.append(
            [
                spell_arms(case.name),
                value,
                ends or MISSING,
                question.rule.word(case.outcome),
                str(case.n),
                format_spread(case),
                MISSING
                if case.correlation is None
                else format_effect(case.correlation),
                check or MISSING,
                format_needed(case),
            ]
        )
    return write_table(head, lines)


def name_spread(scale: Scale) -> str:
    """Returns what a standard deviation is of: of logarithms where ratios are shown."""
    return "spread (SD of the logarithms)" if scale.ratio else "spread (SD)"


def format_spread(case: Case) -> str:
    """Returns the standard deviation over seeds, where there is any."""
    if case.sd is None or case.interval == EXACT or not math.isfinite(case.sd):
        return MISSING
    return format_number(case.sd)


def format_needed(case: Case) -> str:
    """Returns how many seeds would decide a case that is not decided."""
    if case.outcome != UNDETERMINED:
        return MISSING
    return MOST if case.needed is None else f"{case.needed:,}"


def remark(answer: Answer, question: Question, found: Judged) -> Iterator[str]:
    """Yields sentences about how the numbers were reached, and what they hang on."""
    word = repeats_of(question)
    kinds = {case.interval for case in answer.cases}
    if kinds == {EXACT}:
        yield (
            "Exact counts, which are the same for every seed: there is no interval and "
            "no p value."
        )
        return
    yield f"Intervals: {'; '.join(sorted(kinds - {EXACT}))}."
    yield from remark_p(answer)
    if answer.interaction and len(answer.cases) == FEW:
        yield f"The cases differ: {say_difference(answer)}."
    yield from remark_left_out(answer, word)
    if any(case.outcome == UNDETERMINED for case in answer.cases):
        yield (
            f"The last column says how many {word} would decide a case with 80 % "
            "power if effect and spread stayed as they are."
        )
    if question.conditions:
        yield describe_conditions(question, found)


def describe_conditions(question: Question, found: Judged) -> str:
    """Returns what must hold for the effects to mean anything, and what does."""
    said = []
    for one in question.conditions:
        mean = estimate(found.pool, found.claim, one, NO_MARGIN).test.mean
        value = f"below {SMALL}" if mean < SMALL else format_number(mean)
        said.append(f"{spell_arms('; '.join(one.arms))}: {value}")
    measure = question.conditions[0].measure
    limit = f"{question.limit:g} {measure.unit}"
    text = f"Condition: {measure.name} of at most {limit}. Measured: {'; '.join(said)}"
    return f"{text}."


def remark_p(answer: Answer) -> Iterator[str]:
    """Yields p, before and after Holm's rule, or why there is none to go by."""
    if answer.p is None:
        return
    if answer.verdict.startswith(DEPENDS):
        yield (
            "The cases came out differently, so there is no p value for all of them. "
            "That it depends rests on the interval of their difference, which Holm's "
            "rule does not correct."
        )
        return
    text = f"p at the margin: {say_p(answer)}"
    if answer.adjusted is None or answer.family is None:
        yield f"{text}; without Holm's rule, since the question is not confirmatory."
    else:
        name, size = answer.family
        yield (
            f"{text}; **{format_p(answer.adjusted)} after Holm's rule** over the "
            f"{size} {name} questions."
        )


def remark_left_out(answer: Answer, word: str) -> Iterator[str]:
    """Yields what leaving out one seed at a time changes."""
    known = [case for case in answer.cases if case.n >= FEWEST]
    turned = [case for case in known if case.turning and case.interval != EXACT]
    if known and not turned:
        yield f"Leaving out any one of the {word} changes no outcome."
    if turned:
        named = ";".join(name_turning(case, word) for case in turned)
        yield f"Leaving out one of the {word} would change the outcome{named}."


def name_turning(case: Case, word: str) -> str:
    """Returns of which case one seed decides, and which: ` of “ours” (seed 3)`."""
    name = f" of “{spell_arms(case.name)}”" if case.name else ""
    seeds = list(map(str, case.turning))
    if len(seeds) > NAMED:
        return f"{name} (any one of {len(seeds)} of the {case.n})"
    return f"{name} ({word.removesuffix('s')} {' or '.join(seeds)})"
