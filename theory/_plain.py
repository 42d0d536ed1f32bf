r"""The notation of symbols as plain text: the small part of LaTeX in which it is written, in characters of Unicode."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_SIGNS = {
    r"\alpha": "α", r"\beta": "β", r"\gamma": "γ", r"\delta": "δ", r"\epsilon": "ϵ", r"\varepsilon": "ε", r"\zeta": "ζ",
    r"\eta": "η", r"\theta": "θ", r"\iota": "ι", r"\kappa": "κ", r"\lambda": "λ", r"\mu": "μ", r"\nu": "ν",
    r"\xi": "ξ", r"\pi": "π", r"\rho": "ρ", r"\sigma": "σ", r"\tau": "τ", r"\upsilon": "υ", r"\phi": "ϕ",
    r"\varphi": "φ", r"\chi": "χ", r"\psi": "ψ", r"\omega": "ω",
    r"\Gamma": "Γ", r"\Delta": "Δ", r"\Theta": "Θ", r"\Lambda": "Λ", r"\Xi": "Ξ", r"\Pi": "Π", r"\Sigma": "Σ",
    r"\Phi": "Φ", r"\Psi": "Ψ", r"\Omega": "Ω",
    r"\|": "‖", r"\Vert": "‖", r"\vert": "|", r"\{": "{", r"\}": "}", r"\langle": "⟨", r"\rangle": "⟩",
    r"\lceil": "⌈", r"\rceil": "⌉", r"\lfloor": "⌊", r"\rfloor": "⌋",
    r"\le": "≤", r"\leq": "≤", r"\ge": "≥", r"\geq": "≥", r"\ne": "≠", r"\cdot": "·", r"\times": "×", r"\in": "∈",
    r"\infty": "∞", r"\top": "ᵀ", r"\star": "*", r"\ast": "*", r"\prime": "′", r"\pm": "±", r"\to": "→", r"\ell": "ℓ",
    r"\circ": "∘", r"\ldots": "…", r"\dots": "…", r"\cdots": "⋯", r"\neq": "≠",
    r"\sum": "Σ", r"\prod": "Π", r"\int": "∫", r"\nabla": "∇", r"\partial": "∂", r"\sqrt": "√",
    r"\max": "max", r"\min": "min", r"\log": "log", r"\exp": "exp", r"\sup": "sup", r"\inf": "inf", r"\det": "det",
    r"\mathbb{E}": "E", r"\mathbb{P}": "P", r"\mathbb{R}": "ℝ",
}  # fmt: skip
_SILENT = {
    *(r"\left", r"\right", r"\bigl", r"\bigr", r"\big", r"\Bigl", r"\Bigr", r"\biggl", r"\biggr", r"\!"),
    *(r"\mathrm", r"\mathbf", r"\mathit", r"\mathcal", r"\mathbb", r"\operatorname", r"\text", r"\displaystyle"),
}
_THIN = "\u2009"
_SPACES = {r"\,", r"\;", r"\:", r"\ ", r"\quad", r"\qquad"}
_ACCENTS = {r"\hat": "\u0302", r"\widehat": "\u0302", r"\tilde": "\u0303", r"\widetilde": "\u0303", r"\bar": "\u0304"}
_ACCENTS |= {r"\overline": "\u0304", r"\dot": "\u0307"}
_RELATIONS = {"=", "<", ">", r"\le", r"\ge", r"\leq", r"\geq", r"\ne", r"\in"}
_FRACTIONS = {r"\frac", r"\tfrac", r"\dfrac"}
_RAISED = dict(
    zip("0123456789+-=()abcdefghijklmnoprstuvwxyzᵀ*′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀ*′", strict=True)
)
_LOWERED = dict(zip("0123456789+-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_SHORT = 8
_ACCENTED = {"S\u0302": "Ŝ", "a\u0303": "ã", "n\u0303": "ñ", "y\u0302": "ŷ", "a\u0302": "â", "u\u0302": "û"}


def plain(latex: str) -> str:
    r"""Write the notation of a symbol in Unicode.

    Args:
        latex: a formula in mathematics mode: letters, signs, accents, fractions, indices and exponents.

    Returns:
        One line, such as "‖G‖_F²" for `\|G\|_F^2`.

    Example:
        >>> plain(r"\operatorname{Tr}(\Sigma_1 G)")
        'Tr(Σ₁G)'
    """
    text = _Reader([token if not token.isspace() else " " for token in _TOKEN.findall(latex)]).all()
    return re.sub(r"\s+", " ", text).strip()


def raised(text: str) -> str:
    """Write an exponent.

    Args:
        text: the exponent.

    Returns:
        In raised characters where they exist, otherwise after a caret.
    """
    return _shifted(text, _RAISED, "^")


def lowered(text: str) -> str:
    """Write an index.

    Args:
        text: the index.

    Returns:
        In lowered characters where they exist, otherwise after an underscore.
    """
    return _shifted(text, _LOWERED, "_")


def _shifted(text: str, characters: dict[str, str], mark: str) -> str:
    """Write what stands above or below the line."""
    text = text.replace(" ", "") if len(text) < _SHORT else text
    word = text.isalpha() and len(text) > 2
    if text and not word and all(character in characters for character in text):
        return "".join(characters[character] for character in text)
    return f"{mark}{text}" if len(text) == 1 or (word and mark == "_") else f"{mark}{{{text}}}"


class _Reader:
    """Reads tokens from the left."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0

    def all(self) -> str:
        """Read up to the end of the group or of the formula."""
        pieces: list[str] = []
        while self._place < len(self._tokens) and self._tokens[self._place] != "}":
            piece = self._next()
            # A space separates words; between letters it is only LaTeX's way of ending a command.
            if piece != " " or (pieces and _ends_a_word(pieces[-1])):
                pieces.append(piece)
        return "".join(pieces)

    def _next(self) -> str:
        """Read one piece."""
        token = self._tokens[self._place]
        self._place += 1
        if token == "{":
            inner = self.all()
            self._place += 1
            return inner
        if token in {"^", "_"}:
            return (raised if token == "^" else lowered)(self._argument())
        if token in _ACCENTS:
            base = self._argument() + _ACCENTS[token]
            return _ACCENTED.get(base, base)
        if token in _FRACTIONS:
            return f"{_closed(self._argument())}/{_closed(self._argument())}"
        if token in _SILENT:
            return ""
        if token in _SPACES or token == "~":
            return _THIN
        return self._sign(token)

    def _sign(self, token: str) -> str:
        """Write a sign, with spaces around a comparison or a sum."""
        written = _SIGNS.get(token, token.replace("-", "−").removeprefix("\\"))
        before = next((each for each in reversed(self._tokens[: self._place - 1]) if each != " "), "(")
        unary = token in {"-", "+"} and before in {*_RELATIONS, *"({[-+,"}
        return f" {written} " if token in {*_RELATIONS, "-", "+"} and not unary else written

    def _argument(self) -> str:
        """Read what a command applies to."""
        while self._place < len(self._tokens) and self._tokens[self._place] == " ":
            self._place += 1
        if self._place == len(self._tokens):
            return ""
        return self._next().strip()


def _ends_a_word(piece: str) -> bool:
    """Say whether a space after a piece is one that a reader needs."""
    return piece[-1:] in {",", ";"} or "/" in piece or (piece.isalpha() and len(piece) > 1)


def _closed(text: str) -> str:
    """Put a sum or a product in parentheses."""
    return f"({text})" if re.search(r"[ +−·,]", text) else text
