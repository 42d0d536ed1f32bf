"""Text for LaTeX: nothing in it is a command, and every character is ASCII."""

from __future__ import annotations

import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # The old encoding of fonts has other characters in these places.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "`": r"\textasciigrave{}",
    # At the start of a row they would belong to the \\ before.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}
_PUNCTUATION = {
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "§": r"\S{}",
    "ß": r"\ss{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "æ": r"\ae{}",
    "ł": r"\l{}",
    "ı": r"\i{}",
}
_MATHEMATICS = {
    "−": "-",
    "±": r"\pm",
    "×": r"\times",
    "·": r"\cdot",
    "⋅": r"\cdot",
    "÷": r"\div",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "≡": r"\equiv",
    "∼": r"\sim",
    "∝": r"\propto",
    "≪": r"\ll",
    "≫": r"\gg",
    "≲": r"\mathrel{\mathop{<}\limits_{\sim}}",
    "≳": r"\mathrel{\mathop{>}\limits_{\sim}}",
    "∞": r"\infty",
    "√": r"\surd",
    "∑": r"\sum",
    "∏": r"\prod",
    "∫": r"\int",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∈": r"\in",
    "∉": r"\notin",
    "⊂": r"\subset",
    "∪": r"\cup",
    "∩": r"\cap",
    "∅": r"\emptyset",
    "∀": r"\forall",
    "∃": r"\exists",
    "∘": r"\circ",
    "°": r"{}^{\circ}",
    "→": r"\to",
    "←": r"\leftarrow",
    "⇒": r"\Rightarrow",
    "⇔": r"\Leftrightarrow",
    "↦": r"\mapsto",
    "‖": r"\|",
    "∥": r"\|",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "★": r"\star",
    "†": r"\dagger",
    "′": r"{}'",
    "ℓ": r"\ell",
    "●": r"\bullet",
    "•": r"\bullet",
    "⪰": r"\succeq",
    "⪯": r"\preceq",
    "≻": r"\succ",
    "≺": r"\prec",
    "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}",
    "ε": r"\varepsilon",
    "ϵ": r"\epsilon",
    "φ": r"\varphi",
    "ϕ": r"\phi",
    "ς": r"\varsigma",
    "ϑ": r"\vartheta",
    "µ": r"\mu",
    "ο": "o",
}
# \varepsilon for ε and \varphi for φ are above; Greek capitals that look Latin have no commands.
_GREEK = "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon chi psi omega"
_CAPITALS = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
_ACCENTS = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0307": r"\.",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u030c": r"\v",
    "\u0327": r"\c",
}


def escaped(text: str) -> str:
    """Write a text so that LaTeX sets it as it is.

    Args:
        text: any text; line breaks become spaces.

    Returns:
        ASCII only, without blank lines. A character that has no command becomes `U+` and its number.
    """
    parts: list[str] = []
    before = ""
    for character in " ".join(text.split()):
        # Two of these in a row would become a dash, a quotation mark.
        parts.append(f"{{}}{character}" if character == before and character in "-'," else _character(character))
        before = character
    return "".join(parts)


def _character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character if character.isprintable() else f"U+{ord(character):04X}"
    if character in _PUNCTUATION:
        return _PUNCTUATION[character]
    mathematics = _mathematics(character)
    return rf"\ensuremath{{{mathematics}}}" if mathematics else _accented(character)


def _mathematics(character: str) -> str:
    """Write a symbol in mathematics mode; empty if it is none that is known."""
    if character in _MATHEMATICS:
        return _MATHEMATICS[character]
    name = unicodedata.name(character, "").lower()
    kind, _, letter = name.removeprefix("greek ").partition(" letter ")
    letter = "lambda" if letter == "lamda" else letter
    if name.startswith("greek ") and kind == "small" and letter in _GREEK.split():
        return rf"\{letter}"
    if name.startswith("greek ") and kind == "capital" and letter.capitalize() in _CAPITALS.split():
        return rf"\{letter.capitalize()}"
    return _shifted(character)


def _shifted(character: str) -> str:
    """Write a superscript or a subscript; empty if the character is neither."""
    tag, _, code = unicodedata.decomposition(character).partition(" ")
    if tag not in {"<super>", "<sub>"} or " " in code:
        return ""
    base = chr(int(code, 16))
    inner = base if base.isascii() else _mathematics(base)
    return f"{{}}{'_' if tag == '<sub>' else '^'}{{{inner}}}" if inner else ""


def _accented(character: str) -> str:
    """Write a Latin letter with an accent; the character's number if it is none."""
    base, *accents = list(unicodedata.normalize("NFD", character))
    if base.isascii() and base.isalpha() and all(accent in _ACCENTS for accent in accents) and accents:
        for accent in accents:
            base = f"{_ACCENTS[accent]}{{{base}}}"
        return base
    return f"U+{ord(character):04X}"
