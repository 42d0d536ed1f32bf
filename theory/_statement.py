"""What a statement is: its hypotheses, its bounds, the conditions under which it claims them, its false variants."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy

from theory import _requirements, _values, _writing
from theory._errors import StatementError, shown, suggestion
from theory._evaluate import check_supported, evaluate
from theory._facts import Formulas, at_least, at_most, equal
from theory._freezing import frozen, thawed
from theory._notation import expression_text
from theory._proof import Proof
from theory._quantities import QUANTITIES
from theory._replacement import CONSTANTS, KINDS, coerce
from theory._symbols import CONSTANT, quantity_symbol, symbol

if TYPE_CHECKING:
    import numpy as np

_MARKS = ("S", "D", "R")
_EVALUATED = ("lower", "upper", "probability", "sample_size", "dimension")


@dataclass(frozen=True, eq=False)
class Control:
    """A false variant of a statement, which a sound judgement must refute.

    Attributes:
        id: the statement's id, a colon and a name, such as `3.3:no-dimension`.
        reason: why the variant is false, in one sentence.
        changes: the arguments of `Statement.replace` that make it.
        origin: the statement it is a variant of; filled in by that statement.
    """

    id: str
    reason: str
    changes: Mapping[str, Any]
    origin: Statement | None = field(default=None, repr=False)

    @cached_property
    def statement(self) -> Statement:
        """The false variant itself, with the control's id."""
        if self.origin is None:
            raise StatementError(f"control {self.id}: expected to belong to a statement, got none")
        altered = self.origin.replace(**self.changes)
        return dataclasses.replace(altered, id=self.id, title=f"{self.origin.title} (control)")


@dataclass(frozen=True, eq=False)
class Statement:
    """One result: what it claims, about what, and on which conditions.

    Attributes:
        id: the number it has in the paper, or the name this project gave it.
        title: what it is about, in a few words.
        kind: theorem, lemma or conjecture.
        source: where it comes from.
        provenance: for each part, S (the surviving text forces it), D (re-derived and checked numerically) or R
            (reconstructed, had to be chosen).
        provenance_note: what a reader must know about the reconstruction.
        summary: the claim in plain words.
        hypotheses: what is assumed.
        quantity: what is bounded, one of `QUANTITIES`.
        symbols: the symbols and their meaning.
        lower: the lower bound; None if there is none.
        upper: the upper bound; None if there is none.
        sample_size: each entry f is a condition n >= C f.
        dimension: each entry f is a condition d_eff >= C f.
        constants: what the constants C are: `none`, `absolute` or `may depend on eps` (then one for each condition).
        probability: the probability with which the bounds hold; None where they always do.
        largest_eps: the largest ε for which it is stated; 1 is excluded.
        controls: false variants.
        depends_on: the ids of the statements that its proof uses.
        proof: the executed proof; None for an altered statement and for a conjecture without one.
        base: the id of the catalogue's statement it derives from, its own id if it is that.
        altered: whether a user changed it.
        change_note: what was changed.
    """

    id: str
    title: str
    kind: str
    source: str
    provenance: Mapping[str, str]
    provenance_note: str
    summary: str
    hypotheses: tuple[str, ...]
    quantity: str
    symbols: Mapping[str, str]
    lower: sympy.Expr | None
    upper: sympy.Expr | None
    sample_size: tuple[sympy.Expr, ...] = ()
    dimension: tuple[sympy.Expr, ...] = ()
    constants: str = "none"
    probability: sympy.Expr | None = None
    largest_eps: float = 1.0
    controls: tuple[Control, ...] = ()
    depends_on: tuple[str, ...] = ()
    proof: Proof | None = None
    base: str = ""
    altered: bool = False
    change_note: str = ""

    def __post_init__(self) -> None:
        for name, allowed in (("kind", KINDS), ("constants", CONSTANTS), ("quantity", QUANTITIES)):
            if getattr(self, name) not in allowed:
                raise StatementError(f"{name}: expected one of {', '.join(allowed)}, got {shown(getattr(self, name))}")
        if not set(self.provenance.values()) <= set(_MARKS):
            raise StatementError(f"provenance: expected S, D or R, got {shown(dict(self.provenance))}")
        for expression in self._expressions():
            check_supported(expression)
            if unknown := sorted(free.name for free in expression.free_symbols if free.name not in self.symbols):
                raise StatementError(f"statement {self.id}: expected its own symbols only, got {', '.join(unknown)}")
        object.__setattr__(self, "controls", tuple(dataclasses.replace(c, origin=self) for c in self.controls))
        object.__setattr__(self, "base", self.base or self.id)
        if self.proof is not None:
            object.__setattr__(self, "proof", dataclasses.replace(self.proof, origin=self))

    def __getstate__(self) -> dict[str, Any]:
        # SymPy would simplify a pickled expression as it is restored, so that expressions travel as text.
        return {name: frozen(value) for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: thawed(value, state["symbols"]) for name, value in state.items()})

    def __repr__(self) -> str:
        return f"<Statement {self.id}: {_writing.claim_text(self)}>"

    def claim(self) -> Formulas:
        """Write the claim as relations.

        Returns:
            The quantity's symbol between its bounds, or equal to the one where both are the same.
        """
        quantity = quantity_symbol(self.quantity)
        if self.lower is not None and self.lower == self.upper:
            return (equal(quantity, self.lower),)
        low = () if self.lower is None else (at_most(self.lower, quantity),)
        return low if self.upper is None else (*low, at_most(quantity, self.upper))

    def conditions(self, field: str) -> Formulas:
        """Write the conditions on the number of samples or on the effective dimension as relations.

        Args:
            field: `sample_size` or `dimension`.

        Returns:
            One relation n >= C f or d_eff >= C f for each condition; C, or C1, C2, … where they may depend on ε.

        Raises:
            StatementError: for another field.
        """
        if field not in ("sample_size", "dimension"):
            raise StatementError(f"conditions: expected sample_size or dimension, got {shown(field)}")
        size = symbol("n" if field == "sample_size" else "d_eff")
        before = 0 if field == "sample_size" else len(self.sample_size)
        return tuple(
            at_least(size, self._constant(before + number) * entry) for number, entry in enumerate(getattr(self, field))
        )

    def given_constants(self) -> Formulas:
        """Collect the constants of the conditions that the proof gives.

        Returns:
            A relation for each, C or C1, C2, … on its left; none where there is no fact `constant`.
        """
        steps = () if self.proof is None else self.proof.steps
        return next((step.gives.formulas for step in steps if step.gives.name == "constant"), ())

    def premises(self) -> dict[str, Formulas]:
        """Collect what the proof may start from.

        Returns:
            Formulas by name: the own conditions, and claim, conditions and constants of what it depends on.
        """
        from theory.catalogue import statement

        own = {field: self.conditions(field) for field in ("sample_size", "dimension")}
        for id in self.depends_on:
            other = statement(id)
            own[id] = other.claim()
            own |= {f"{id}:{field}": other.conditions(field) for field in ("sample_size", "dimension")}
            own[f"{id}:constant"] = other.given_constants()
        return {name: formulas for name, formulas in own.items() if formulas}

    def bounds(self, **values: float) -> tuple[float, float]:
        """Evaluate the lower and the upper bound.

        Args:
            **values: a number for every symbol that occurs in them; the statement's other symbols may be given too.

        Returns:
            The two bounds; minus or plus infinity for one that the statement does not have.

        Raises:
            StatementError: for an unknown or missing symbol, a value outside its domain, or a bound that is not real.

        Example:
            >>> import theory
            >>> theory.statement("C.2").bounds()
            (1.0, 3.0)
        """
        needed = self._symbols_in(self.lower, self.upper)
        checked = _values.scalars(self.id, self.symbols, needed, values)
        lower, upper = (float(self._bound(name, checked)) for name in ("lower", "upper"))
        return lower, upper

    def evaluate(self, field: str, **values: Any) -> np.ndarray | list[np.ndarray]:
        """Evaluate a bound or the conditions at arrays of values.

        Args:
            field: `lower`, `upper` or `probability`; `sample_size` or `dimension` for the right-hand sides f.
            **values: numbers or arrays that broadcast, for every symbol that occurs in the field.

        Returns:
            A float64 array of the broadcast shape, or for the conditions a list of them; minus or plus infinity for a
            bound, and one for a probability, that the statement does not have.

        Raises:
            StatementError: for an unknown field or symbol, a missing symbol, a value outside its domain, or a result
                that is not real.
        """
        if field not in _EVALUATED:
            raise StatementError(f"evaluate: no field {shown(field)}; {suggestion(str(field), _EVALUATED)}")
        held = getattr(self, field)
        entries = held if isinstance(held, tuple) else (held,)
        checked = _values.arrays(self.id, self.symbols, self._symbols_in(*entries), values)
        if isinstance(held, tuple):
            return [self._value(field, entry, checked) for entry in held]
        return self._bound(field, checked)

    @property
    def explicit_constants(self) -> tuple[sympy.Expr, ...] | None:
        """The constants that the proof gives, of conditions on n first; None without them, ones where none occur."""
        count = len(self.sample_size) + len(self.dimension)
        if self.constants == "none":
            return (sympy.S.One,) * count
        given = {formula.lhs: formula.rhs for formula in self.given_constants()}
        wanted = [self._constant(number) for number in range(count)]
        if not set(wanted) <= given.keys():
            return None
        free = {other.name for name in wanted for other in given[name].free_symbols}
        return tuple(given[name] for name in wanted) if free <= self.symbols.keys() else None

    def required_n(
        self, constant: float | Sequence[float] | str = 1.0, *, spectrum: Any = None, **values: float
    ) -> int:
        """Find the smallest number of samples that meets every condition n >= C f, or that an explicit bound asks for.

        Args:
            constant: C, one number or one for each condition; `explicit` for those of `explicit_constants`.
            spectrum: the eigenvalues of S, shape (d,), positive; with it, for Theorems 3.3 and 3.5, the smallest n for
                which the interval of `theory.explicit_bounds` lies within the statement's bounds. Its width is not
                monotone in n, and there may be no n at all.
            **values: a number for every symbol of the conditions except n; with a spectrum eps and delta.

        Returns:
            The smallest such n: it meets the conditions and n − 1 does not (or n is 1; with a spectrum 2).

        Raises:
            StatementError: for a bad constant, spectrum or value, or where no n up to 10¹⁵ is enough.

        Example:
            >>> import theory
            >>> theory.statement("3.3").required_n(eps=0.1, delta=0.05)
            990
            >>> theory.statement("3.3").required_n(eps=0.5, delta=0.05, spectrum=[1.0] * 1000)
            946
        """
        if spectrum is not None:
            from theory import _explicit

            return _explicit.required_n(self, constant, spectrum, values)
        checked = self._checked_except("n", self.sample_size, values)
        constants = _requirements.constants(self, "sample_size", constant, checked)
        return _requirements.smallest_n(self.sample_size, constants, checked)

    def required_dimension(self, constant: float | Sequence[float] | str = 1.0, **values: float) -> float:
        """Find the smallest effective dimension that meets every condition d_eff >= C f.

        Args:
            constant: C, one number or one for each condition; `explicit` for those of `explicit_constants`.
            **values: a number for every symbol of the conditions except d_eff.

        Returns:
            The smallest such d_eff, at least 0.

        Raises:
            StatementError: for a bad constant or value, or where no d_eff up to 10¹⁵ is enough.
        """
        checked = self._checked_except("d_eff", self.dimension, values)
        constants = _requirements.constants(self, "dimension", constant, checked)
        return _requirements.smallest_dimension(self.dimension, constants, checked)

    def replace(self, **fields: Any) -> Statement:
        """Make a conjecture of one's own from this statement.

        Args:
            **fields: new values for lower, upper, sample_size, dimension, title, hypotheses, probability, constants or
                kind. Expressions are text in the small language of `theory.parse`, numbers or SymPy expressions;
                None drops a bound, [] drops the conditions.

        Returns:
            The altered statement; it has no proof and no controls.

        Raises:
            StatementError: for an unknown field or a value that does not fit it.

        Example:
            >>> import theory
            >>> theory.statement("4.3").replace(upper="(2 + eps)/(1 - eps)**2").bounds(eps=0.5)[1]
            10.0
        """
        if not fields:
            raise StatementError("replace: expected at least one field, got none")
        changed = {name: coerce(name, value, self.symbols) for name, value in fields.items()}
        notes = [
            f"{name}: {_writing.field_text(getattr(self, name))} → {_writing.field_text(changed[name])}"
            for name in changed
        ]
        note = "; ".join(filter(None, [self.change_note, *notes]))
        fresh = {
            "id": f"{self.base}*",
            "title": f"{self.title.removesuffix(' (altered)')} (altered)",
            "summary": f"Statement {self.base}, altered by a user: {note}.",
            "provenance": {part: mark for part, mark in self.provenance.items() if part not in changed},
            "controls": (),
            "depends_on": (),
            "proof": None,
            "altered": True,
            "change_note": note,
        }
        return dataclasses.replace(self, **{**fresh, **changed})

    def latex(self) -> str:
        """Write the statement in LaTeX.

        Returns:
            A fragment with title, hypotheses and the claim as a displayed formula with its conditions; ASCII only.
        """
        return _writing.latex(self)

    def to_dict(self) -> dict[str, Any]:
        """Describe the statement in values that JSON can hold.

        Returns:
            Every field; expressions as text that `theory.parse` reads, controls and proof steps as dictionaries.
        """
        return _writing.to_dict(self)

    def _constant(self, number: int) -> sympy.Expr:
        """Return the constant of a condition."""
        if self.constants == "none":
            return sympy.S.One
        return CONSTANT if self.constants == "absolute" else sympy.Symbol(f"C{number + 1}", positive=True)

    def _expressions(self) -> list[sympy.Expr]:
        """List every expression of the statement."""
        bounds = [entry for entry in (self.lower, self.upper, self.probability) if entry is not None]
        return [*bounds, *self.sample_size, *self.dimension]

    def _symbols_in(self, *expressions: sympy.Expr | None) -> list[str]:
        """List the symbols that occur, in the statement's order."""
        occurring = {free.name for entry in expressions if entry is not None for free in entry.free_symbols}
        return [name for name in self.symbols if name in occurring]

    def _bound(self, name: str, values: Mapping[str, Any]) -> np.ndarray:
        """Evaluate a bound, infinite where there is none."""
        absent = {"lower": -sympy.oo, "upper": sympy.oo, "probability": sympy.S.One}
        expression = getattr(self, name)
        return self._value(name, absent[name] if expression is None else expression, values)

    def _value(self, name: str, expression: sympy.Expr, values: Mapping[str, Any]) -> np.ndarray:
        """Evaluate an expression in the shape of the values, and refuse a result that is not real."""
        import numpy as np

        result = evaluate(expression, values)
        shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
        if np.isnan(result).any():
            text = shown(expression_text(expression))
            raise StatementError(f"{name} of statement {self.id}: {text} is not a real number at these values")
        return np.array(np.broadcast_to(result, shape))

    def _checked_except(
        self, name: str, conditions: tuple[sympy.Expr, ...], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Check the values for conditions on a symbol that is to be found."""
        if name in values:
            raise StatementError(
                f"{name}: expected to be left out, for it is what is computed, got {shown(values[name])}"
            )
        needed = [symbol for symbol in self._symbols_in(*conditions) if symbol != name]
        return _requirements.stated(self, _values.scalars(self.id, self.symbols, needed, values))
