"""Slopes and Jacobian of eight voxels at once: the code of a chemistry for one voxel, rewritten for vectors of eight numbers.

Every x[k] stands for eight numbers side by side, likewise inputs, measures and what comes out; parameters are one for all.
Operations are the same in the same order, so each of the eight numbers is, to the bit, what the code for one voxel gives.
"""

from __future__ import annotations

import ast

LANES = 8
_WIDE = {"x", "u", "m"}
_ONE_BY_ONE = {
    *("exp", "expm1", "exprel", "log", "log1p", "logistic", "softplus"),
    *("sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "erf", "erfc"),
}
_OTHERS = {
    "sqrt": "sqrt_each({0})",
    "magnitude": "magnitude_each({0})",
    "square": "square_each({0})",
    "cube": "cube_each({0})",
    "sign": "sign_each({0})",
    "larger": "larger_each({0}, {1})",
    "smaller": "smaller_each({0}, {1})",
    "clip": "smaller_each(larger_each({0}, {1}), {2})",
    "power": "power_each({0}, {1})",
}
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARED: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.NotEq: "!="}
_VECTORS = (
    "load store same select_each both_each opposite_each smaller_each larger_each magnitude_each sqrt_each power_each "
    + " ".join(sorted(f"{name}_each" for name in _ONE_BY_ONE))
).split()
_HEAD = """"reactions of eight voxels"
from numba import cfunc, njit, types
{imports}
from engines.compartmental_neurons.kernels.eight import {vectors}

_numbers = types.CPointer(types.float64)
_signature = types.void(_numbers, _numbers, _numbers, _numbers, _numbers)
_inline = njit(forceinline=True, error_model="numpy")


@_inline
def square_each(x):
    return x * x


@_inline
def cube_each(x):
    return x * x * x


@_inline
def sign_each(x):
    one, zero = same(1.0), same(0.0)
    return select_each(x > zero, one, zero) - select_each(x < zero, one, zero)
{functions}"""
_FUNCTION = """

@cfunc(_signature, cache=True, nopython=True, error_model="numpy")
def {name}(x, u, p, m, out):
{lines}
"""
FUNCTIONS = ("slopes", "jacobian")


def eightfold(code: str) -> str:
    """The module of slopes and Jacobian of eight voxels, from a module with those of one.

    Of the Jacobian only numbers that are not always 0 are written, see ``pattern``.
    """
    from engines.equations.compiled import imports_of

    functions = ""
    for name in FUNCTIONS:
        writer = _Writer()
        lines = [line for statement in _body(code, name) for line in writer.statement(statement)]
        functions += _FUNCTION.format(name=name, lines="\n".join(f"    {line}" for line in lines or ["pass"]))
    return _HEAD.format(imports="\n".join(imports_of(functions)), vectors=", ".join(_VECTORS), functions=functions)


def pattern(code: str) -> list[int]:
    """Places in the Jacobian of numbers that are not always 0."""
    targets = (statement.targets[0] for statement in _body(code, "jacobian"))
    return [int(ast.unparse(target.slice)) for target in targets if isinstance(target, ast.Subscript)]


def _body(code: str, name: str) -> list[ast.Assign]:
    """Statements of a function, without the loop that writes zeros."""
    (found,) = (item for item in ast.parse(code).body if isinstance(item, ast.FunctionDef) and item.name == name)
    return [statement for statement in found.body if isinstance(statement, ast.Assign)]


class _Writer:
    """Writes expressions anew; knows which names stand for eight numbers."""

    def __init__(self) -> None:
        self._wide: set[str] = set()

    def statement(self, node: ast.Assign) -> list[str]:
        (target,) = node.targets
        code, is_wide = self._number(node.value)
        if isinstance(target, ast.Subscript):
            return [f"store(out, {LANES} * {ast.unparse(target.slice)}, {_widened(code, is_wide)})"]
        assert isinstance(target, ast.Name)
        if is_wide:
            self._wide.add(target.id)
        return [f"{target.id} = {code}"]

    def _number(self, node: ast.expr) -> tuple[str, bool]:
        """Code of a number, and whether it stands for eight."""
        match node:
            case ast.Constant():
                return repr(node.value), False
            case ast.Name(id=name):
                return name, name in self._wide
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                place = ast.unparse(index)
                return (f"load({name}, {LANES} * {place})", True) if name in _WIDE else (f"{name}[{place}]", False)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                code, is_wide = self._number(operand)
                return f"(-{code})", is_wide
            case ast.BinOp(left=left, op=op, right=right):
                (a, b), is_wide = self._alike(left, right)
                return f"({a} {_SIGNS[type(op)]} {b})", is_wide
            case ast.Call(func=ast.Name(id="select"), args=[test, yes, no]):
                truth, is_wide_truth = self._truth(test)
                (a, b), is_wide = self._alike(yes, no)
                if not is_wide_truth and not is_wide:
                    return f"select({truth}, {a}, {b})", False
                return f"select_each({_wide_truth(truth, is_wide_truth)}, {_widened(a, is_wide)}, {_widened(b, is_wide)})", True
            case ast.Call(func=ast.Name(id=name), args=arguments):
                codes, is_wide = self._alike(*arguments)
                if not is_wide:
                    return f"{name}({', '.join(codes)})", False
                return (f"{name}_each({codes[0]})" if name in _ONE_BY_ONE else _OTHERS[name].format(*codes)), True
        raise AssertionError(ast.dump(node))

    def _alike(self, *nodes: ast.expr) -> tuple[list[str], bool]:
        """Code of numbers, all for eight if any is."""
        found = [self._number(node) for node in nodes]
        is_wide = any(wide for _, wide in found)
        return [_widened(code, wide) if is_wide else code for code, wide in found], is_wide

    def _truth(self, node: ast.expr) -> tuple[str, bool]:
        """Code of a condition."""
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                (a, b), is_wide = self._alike(left, right)
                if isinstance(op, ast.NotEq) and is_wide:
                    return f"opposite_each({a} == {b})", True
                return f"({a} {_COMPARED[type(op)]} {b})", is_wide
            case ast.BinOp(left=left, op=op, right=right):
                (a, wide_a), (b, wide_b) = self._truth(left), self._truth(right)
                if not wide_a and not wide_b:
                    return f"({a} {'&' if isinstance(op, ast.BitAnd) else '|'} {b})", False
                a, b = (_wide_truth(code, wide) for code, wide in ((a, wide_a), (b, wide_b)))
                if isinstance(op, ast.BitAnd):
                    return f"both_each({a}, {b})", True
                return f"opposite_each(both_each(opposite_each({a}), opposite_each({b})))", True
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                code, is_wide = self._truth(operand)
                return (f"opposite_each({code})" if is_wide else f"(not {code})"), is_wide
        raise AssertionError(ast.dump(node))


def _widened(code: str, is_wide: bool) -> str:
    return code if is_wide else f"same({code})"


def _wide_truth(code: str, is_wide: bool) -> str:
    return code if is_wide else f"(same(select({code}, 1.0, 0.0)) > same(0.0))"
