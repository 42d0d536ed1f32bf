"""What statements bound, and how it is written."""

from __future__ import annotations

from typing import NamedTuple


class Quantity(NamedTuple):
    """The notation of a quantity.

    Attributes:
        text: on one line of text.
        latex: a formula for mathematics mode.
    """

    text: str
    latex: str


QUANTITIES = {
    "mean_deviation": Quantity("|(1/n)Σ Xᵢ|", r"\bigl|\tfrac1n \sum_i X_i\bigr|"),
    "quadratic_form": Quantity("xᵀAx − E xᵀAx", r"x^\top A x - \mathbb{E}\, x^\top A x"),
    "covariance_error": Quantity("‖Ŝ − I‖", r"\|\hat S - I\|"),
    "fourth_moment_deviation": Quantity(
        "|(1/n)Σ aᵢ²bᵢ² − E a²b²|",
        r"\bigl|\tfrac1n \sum_i a_i^2 b_i^2 - \mathbb{E}\, a^2 b^2\bigr|",
    ),
    "fixed_direction_error": Quantity(
        "‖(1/n)Σ (v·zᵢ)² zᵢzᵢᵀ − (I + 2vvᵀ)‖",
        r"\bigl\|\tfrac1n \sum_i (v \cdot z_i)^2 z_i z_i^\top - (I + 2 v v^\top)\bigr\|",
    ),
    "squared_inner_product": Quantity("(u·v)²", r"(u \cdot v)^2"),
    "squared_length": Quantity(
        "‖xᵢ‖²/Tr S, xᵢᵀSxᵢ/Tr S²",
        r"\frac{\|x_i\|^2}{\operatorname{Tr} S},\ \frac{x_i^\top S x_i}{\operatorname{Tr} S^2}",
    ),
    "row_sum": Quantity("aᵢ/A", "a_i / A"),
    "variance_ratio": Quantity("uᵀŜu/uᵀSu", r"\frac{u^\top \hat S u}{u^\top S u}"),
    "uniform_moment_error": Quantity(
        "max |(1/n)Σ (u·zᵢ)²(v·zᵢ)² − (1 + 2(u·v)²)|",
        r"\max_{|u| = |v| = 1} \bigl|\tfrac1n "
        r"\sum_i (u \cdot z_i)^2 (v \cdot z_i)^2 - (1 + 2 (u \cdot v)^2)\bigr|",
    ),
    "moment": Quantity("E[(u·x)²(v·x)²]", r"\mathbb{E}\bigl[(u^\top x)^2 (v^\top x)^2\bigr]"),
    "population_g": Quantity("g", "g"),
    "population_g_centred": Quantity("g_centred", r"g_{\mathrm{centred}}"),
    "mu": Quantity("μ(θ)", r"\mu(\theta)"),
    "mu_olm": Quantity("μ(θ)", r"\mu(\theta)"),
    "mu_two_layer": Quantity("μ(θ)", r"\mu(\theta)"),
    "g_fixed": Quantity("g(θ; v_k)", r"g(\theta; v_k)"),
    "g_uniform": Quantity("g(θ; v)", r"g(\theta; v)"),
    "g_eigen": Quantity("g_centred(θ; u_i)", r"g_{\mathrm{centred}}(\theta; u_i)"),
    "flat_to_sharp": Quantity("D_k(t)", "D_k(t)"),
    "loss_growth": Quantity("E L(t+1)/E L(t)", r"\mathbb{E} L(t+1) / \mathbb{E} L(t)"),
    "parameter_ratio": Quantity("P_k", "P_k"),
    "stability_threshold": Quantity("β*", r"\beta^\star"),
    "threshold_sum": Quantity("h(η*)", r"h(\eta^\star)"),
    "flat_to_sharp_gd": Quantity("D_k(t)", "D_k(t)"),
}
