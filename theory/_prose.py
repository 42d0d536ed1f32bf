"""Plain text in LaTeX: its mathematical characters as formulas, everything else as letters."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "^": r"\textasciicircum{}"}
_ESCAPES |= {character: f"\\{character}" for character in "&%$#_"}
# In the old encoding of fonts these characters are others.
_ESCAPES |= {"<": r"\ensuremath{<}", ">": r"\ensuremath{>}", "|": r"\ensuremath{|}"}
_MATHS = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "ϵ": r"\epsilon",
    "ζ": r"\zeta", "η": r"\eta", "θ": r"\theta", "κ": r"\kappa", "λ": r"\lambda", "μ": r"\mu", "ν": r"\nu",
    "ξ": r"\xi", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "φ": r"\varphi", "χ": r"\chi",
    "ψ": r"\psi", "ω": r"\omega", "Γ": r"\Gamma", "Δ": r"\Delta", "Θ": r"\Theta", "Λ": r"\Lambda", "Π": r"\Pi",
    "Σ": r"\Sigma", "Φ": r"\Phi", "Ψ": r"\Psi", "Ω": r"\Omega", "∇": r"\nabla", "∂": r"\partial", "ℓ": r"\ell",
    "ℝ": r"\mathbb{R}", "ℕ": r"\mathbb{N}", "ℤ": r"\mathbb{Z}", "ℂ": r"\mathbb{C}",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "≡": r"\equiv", "≪": r"\ll", "≫": r"\gg",
    "∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "∪": r"\cup", "∩": r"\cap", "∅": r"\emptyset",
    "∞": r"\infty", "→": r"\to", "←": r"\leftarrow", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "↦": r"\mapsto",
    "±": r"\pm", "∓": r"\mp", "·": r"\cdot", "⋅": r"\cdot", "×": r"\times", "∘": r"\circ", "⊗": r"\otimes",
    "−": "-", "∑": r"\sum", "∏": r"\prod", "∫": r"\int", "√": r"\surd", "∀": r"\forall", "∃": r"\exists",
    "‖": r"\|", "∥": r"\|", "⟨": r"\langle", "⟩": r"\rangle", "⌈": r"\lceil", "⌉": r"\rceil", "⌊": r"\lfloor",
    "⌋": r"\rfloor", "½": r"\tfrac12", "¼": r"\tfrac14", "¾": r"\tfrac34", "⅓": r"\tfrac13", "⪰": r"\succeq",
    "⪯": r"\preceq", "≻": r"\succ", "≺": r"\prec", "~": r"\sim", "∼": r"\sim", "…": r"\ldots", "⋯": r"\cdots",
    "★": r"\star", "′": "'", "ᵀ": r"^\top", "𝒩": r"\mathcal{N}",
}  # fmt: skip
_TYPOGRAPHY = {"–": "--", "—": "---", "’": "'", "‘": "`", "“": "``", "”": "''", "§": r"\S{}", "ß": r"\ss{}"}
_TYPOGRAPHY |= {"ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "ı": r"\i{}", "\u2009": r"\,", "\u00a0": "~"}
_LETTER_ACCENTS = {"\u0300": r"\`", "\u0301": r"\'", "\u0308": r"\"", "\u030a": r"\r", "\u030c": r"\v"}
_LETTER_ACCENTS |= {"\u0327": r"\c", "\u0307": r"\."}
_FORMULA_ACCENTS = {"\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar"}
# In braces, in parentheses, or an exponent of one character.
_SHIFT = re.compile(r"(?:(?<=\S)([\^_])(?:\{([^{}]*)\}|\(([^()]*)\))|(?<=\S)(\^)(−?\w)(?!\w))")
# Where one raised character follows another, or a lowered one: they stand in one exponent, or index.
_NEIGHBOURS = re.compile(r"(?<=\^\{.)\}\}\\ensuremath\{\{\}\^\{|(?<=_\{.)\}\}\\ensuremath\{\{\}_\{")


def shifts(text: str) -> list[tuple[str, str, str]]:
    """Find what a text raises or lowers, such as the exponent in "e^{−t}".

    Args:
        text: any text; what stands in braces or in parentheses after a mark is raised or lowered, a single
            character after ^ as well.

    Returns:
        Pieces: plain text, then "^" or "_" and what it applies to; the mark of the last piece is empty.

    Example:
        >>> shifts("at most e^{−t} for all")
        [('at most e', '^', '−t'), (' for all', '', '')]
    """
    pieces, place = [], 0
    for found in _SHIFT.finditer(text):
        mark, inner = found[1] or found[4], found[2] or found[3] or found[5] or ""
        pieces.append((text[place : found.start()], mark, inner))
        place = found.end()
    return [*pieces, (text[place:], "", "")]


def latex_text(text: str) -> str:
    """Escape plain text for LaTeX, its mathematical characters included.

    Args:
        text: any text.

    Returns:
        The text for use outside formulas; ASCII only. A character that has no notation becomes `U+` and its number.
    """
    written = ""
    for plain, mark, inner in shifts(text):
        written += _NEIGHBOURS.sub("", "".join(map(_piece, _clusters(plain))))
        if mark:
            written += rf"\ensuremath{{{{}}{mark}{{{' '.join(map(_in_formula, inner))}}}}}"
    # What begins with a bracket would be an option of \item.
    return f"{{[}}{written[1:]}" if written.startswith("[") else written


def _clusters(text: str) -> list[str]:
    """Split a text into characters with the accents that belong to them."""
    found: list[str] = []
    for character in unicodedata.normalize("NFD", text):
        if found and unicodedata.combining(character) and len(found[-1]) == 1:
            found[-1] += character
        else:
            found.append(character)
    return found


def _piece(cluster: str) -> str:
    """Write one character, with its accent where it has one."""
    if len(cluster) == 2:
        base, accent = cluster[0], cluster[1]
        if accent in _FORMULA_ACCENTS:
            return rf"\ensuremath{{{_FORMULA_ACCENTS[accent]}{{{_MATHS.get(base, base)}}}}}"
        if accent in _LETTER_ACCENTS and base.isascii():
            return rf"{_LETTER_ACCENTS[accent]}{{{base}}}"
        # Struck signs, such as ≠, come apart as well.
        cluster = unicodedata.normalize("NFC", cluster)
    if formula := _MATHS.get(cluster) or _shifted(cluster):
        return rf"\ensuremath{{{_based(formula)}}}"
    written = {**_ESCAPES, **_TYPOGRAPHY}.get(cluster, cluster)
    return written if written.isascii() else _number(cluster)


def _in_formula(character: str) -> str:
    """Write a character within a formula."""
    formula = _MATHS.get(character) or _shifted(character) or _ESCAPES.get(character, character)
    return _based(formula) if formula.isascii() else rf"\text{{{_number(character)}}}"


def _shifted(character: str) -> str:
    """Write a raised or a lowered character; empty if it is neither."""
    tag, _, code = unicodedata.decomposition(character).partition(" ")
    if tag not in {"<super>", "<sub>"} or " " in code:
        return ""
    base = chr(int(code, 16))
    inner = base if base.isascii() else _MATHS.get(base, "")
    return f"{'_' if tag == '<sub>' else '^'}{{{inner}}}" if inner else ""


def _based(formula: str) -> str:
    """Give an exponent or index an empty base, since its own base lies outside the formula."""
    return "{}" + formula if formula[0] in "^_" else formula


def _number(text: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in text)
