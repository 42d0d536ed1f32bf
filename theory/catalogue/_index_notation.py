"""Sums in index notation, compared after renaming their indices.

A sum such as Σ_k Σ_l u_k u_l S_kl S_ij is a polynomial in entries; which letters its indices carry, and in which order
a symmetric matrix carries two of them, does not matter. Two expressions are the same for vectors of every dimension
where their terms agree in a standard naming.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from zlib import crc32

import sympy

Terms = dict[tuple[sympy.Expr, int], sympy.Expr]


def same_sums(left: sympy.Expr, right: sympy.Expr, symmetric: tuple[sympy.IndexedBase, ...] = ()) -> bool:
    """Prove that two sums over entries are equal in every dimension.

    Args:
        left: a polynomial in entries, symbols and sums of such, all over indices from 1 to the same dimension.
        right: another one.
        symmetric: matrices whose two indices may be exchanged.

    Returns:
        Whether their terms agree after renaming; the cost grows with the factorial of the number of indices of a term.
    """
    if left.is_Pow and right.is_Pow and left.exp == right.exp and same_sums(left.base, right.base, symmetric):
        return True
    difference = left - right
    return not _refuted(difference, symmetric) and not any(standard(difference, symmetric).values())


def standard(expression: sympy.Expr, symmetric: tuple[sympy.IndexedBase, ...] = ()) -> Terms:
    """Collect the terms of an expression under standard names of the indices that are summed over.

    Args:
        expression: a polynomial in entries, symbols and sums of such.
        symmetric: matrices whose two indices may be exchanged.

    Returns:
        The rational coefficient of each monomial with its number of sums.
    """
    collected: Terms = {}
    for function, indices in _pieces(expression):
        for term in sympy.Add.make_args(sympy.expand(function)):
            coefficient, monomial = term.as_coeff_Mul()
            key = _named(monomial, indices, symmetric), len(indices)
            collected[key] = collected.get(key, sympy.S.Zero) + coefficient
    return collected


def _refuted(difference: sympy.Expr, symmetric: tuple[sympy.IndexedBase, ...]) -> bool:
    """Say whether a difference is not zero at one example in two dimensions, which spares naming many indices."""
    value = sympy.S.Zero
    free = {index: sympy.Integer(1 + number % 2) for number, index in enumerate(_free_indices(difference))}
    for function, indices in _pieces(difference):
        for numbers in product((1, 2), repeat=len(indices)):
            at = dict(zip(indices, map(sympy.Integer, numbers), strict=True))
            value += _example(_ordered(function.xreplace(free | at), symmetric))
    return bool(value != 0)


def _free_indices(expression: sympy.Expr) -> list[sympy.Symbol]:
    """List the indices that are not summed over."""
    inside = {index for entry in expression.atoms(sympy.Indexed) for index in entry.indices if index.is_Symbol}
    return sorted(inside & expression.free_symbols, key=str)


def _example(monomial: sympy.Expr) -> sympy.Expr:
    """Evaluate entries and symbols at fractions that their names decide."""
    parts = monomial.atoms(sympy.Indexed) | monomial.free_symbols
    return monomial.xreplace({part: sympy.Rational(2 + crc32(str(part).encode()) % 89, 7) for part in parts})


def _pieces(expression: sympy.Expr) -> Iterator[tuple[sympy.Expr, tuple[sympy.Dummy, ...]]]:
    """Write an expression as sums, each with indices of its own, of what contains no sum."""
    if not expression.has(sympy.Sum):
        yield expression, ()
    elif isinstance(expression, sympy.Sum):
        fresh = {limit[0]: sympy.Dummy(integer=True, positive=True) for limit in expression.limits}
        for function, indices in _pieces(expression.function.xreplace(fresh)):
            yield function, (*fresh.values(), *indices)
    elif expression.is_Add:
        for term in expression.args:
            yield from _pieces(term)
    elif expression.is_Mul:
        for parts in product(*(list(_pieces(factor)) for factor in expression.args)):
            yield sympy.Mul(*(part[0] for part in parts)), tuple(index for part in parts for index in part[1])
    elif expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        # Each factor needs indices of its own, hence not the same pieces twice.
        for parts in product(*(list(_pieces(expression.base)) for _ in range(int(expression.exp)))):
            yield sympy.Mul(*(part[0] for part in parts)), tuple(index for part in parts for index in part[1])
    else:
        raise ValueError(f"expected a polynomial in sums, got {expression}")


def _named(
    monomial: sympy.Expr, indices: tuple[sympy.Dummy, ...], symmetric: tuple[sympy.IndexedBase, ...]
) -> sympy.Expr:
    """Name the indices of a monomial so that it comes first in a fixed order."""
    names = [sympy.Symbol(f"_{number}", integer=True, positive=True) for number in range(len(indices))]
    renamed = (monomial.xreplace(dict(zip(indices, order, strict=True))) for order in permutations(names))
    return min((_ordered(candidate, symmetric) for candidate in renamed), key=sympy.default_sort_key)


def _ordered(monomial: sympy.Expr, symmetric: tuple[sympy.IndexedBase, ...]) -> sympy.Expr:
    """Put the two indices of symmetric matrices in order."""
    entries = {
        entry: entry.base[tuple(sorted(entry.indices, key=sympy.default_sort_key))]
        for entry in monomial.atoms(sympy.Indexed)
        if entry.base in symmetric
    }
    return monomial.xreplace(entries)
