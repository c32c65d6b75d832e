"""Derivatives of expressions, exact, by the rules of calculus: what ``derivative(F, x)`` in a description stands for.

Each named expression on which F rests and that moves with x gets a derivative with a name of its own, computed once. So the
derivative of a long chain of expressions is about as long as the chain, and second derivatives are derivatives of derivatives.
"""

from __future__ import annotations

import ast

from cosim.sdk import CosimError
from engines.equations.expression import DERIVATIVE, MOST_DEPTH, Expression, depth, plain_number

_RULES = {
    "exp": "exp(x)",
    "expm1": "exp(x)",
    "log": "1 / x",
    "log1p": "1 / (1 + x)",
    "sqrt": "0.5 / sqrt(x)",
    "sin": "cos(x)",
    "cos": "-sin(x)",
    "tan": "1 + tan(x)**2",
    "sinh": "cosh(x)",
    "cosh": "sinh(x)",
    "tanh": "1 - tanh(x)**2",
    "arctan": "1 / (1 + x**2)",
    "erf": "2 / sqrt(pi) * exp(-x**2)",
    "erfc": "-2 / sqrt(pi) * exp(-x**2)",
    "logistic": "logistic(x) * logistic(-x)",
    "softplus": "logistic(x)",
    "abs": "sign(x)",
}
"""Of functions of one number; that of sign is 0 everywhere. Not of ``exprel``: its formula loses all digits about 0."""
_ZERO, _ONE = ast.Constant(0.0), ast.Constant(1.0)


class Derivatives(ast.NodeTransformer):
    """Works out the derivatives that stand in named expressions.

    Attributes
    ----------
    expressions
        Those seen so far, derivatives among them, each resting on earlier ones only.
    """

    def __init__(self) -> None:
        self.expressions: dict[str, Expression] = {}
        self._known: dict[tuple[str, str], ast.expr] = {}

    def add(self, name: str, expression: Expression) -> None:
        """One more named expression, with the derivatives in it worked out.

        Raises
        ------
        CosimError
            A derivative by a named expression; one that is 0 everywhere; one of a function that has none here.
        """
        try:
            self._keep(name, expression.text, self.visit(expression.tree), expression.where)
        except CosimError as error:
            raise error.located(expression.where) from None

    def of(self, expression: Expression, symbol: str) -> Expression:
        """The derivative of an expression; what it rests on is then in ``expressions``."""
        return Expression(f"derivative({expression.text}, {symbol})", self._of(expression.tree, symbol), expression.where)

    def visit_Call(self, call: ast.Call) -> ast.expr:
        arguments = [self.visit(argument) for argument in call.args]
        if isinstance(call.func, ast.Name) and call.func.id == DERIVATIVE:
            return self._asked(call, arguments[0])
        return ast.Call(call.func, arguments, [])

    def _keep(self, name: str, text: str, tree: ast.expr, where: str) -> None:
        if depth(tree) > MOST_DEPTH:
            raise CosimError(f"the derivative of {text} is nested too deep", mend="split it, with names in 'expressions'")
        self.expressions[name] = Expression(text, tree, where)

    def _asked(self, call: ast.Call, inner: ast.expr) -> ast.expr:
        assert isinstance(call.args[1], ast.Name)
        symbol = call.args[1].id
        if symbol in self.expressions:
            raise CosimError(f"{symbol} is an expression", why=f"in {ast.unparse(call)}", mend="derive by a symbol that is given")
        found = self._of(inner, symbol)
        if _is(found, 0):
            raise CosimError(f"{ast.unparse(call)} is 0 everywhere", why=f"{ast.unparse(call.args[0])} does not use {symbol}")
        return found

    def _of_named(self, name: str, symbol: str) -> ast.expr:
        """A bare number, or the name of the derivative."""
        if (name, symbol) not in self._known:
            expression = self.expressions[name]
            tree = self._of(expression.tree, symbol)
            if not isinstance(tree, ast.Constant):
                # names of a description are ASCII, so this one is free
                derived = f"{name}_δ_{symbol}"
                self._keep(derived, ast.unparse(tree), tree, expression.where)
                tree = ast.Name(derived)
            self._known[name, symbol] = tree
        return self._known[name, symbol]

    def _of(self, node: ast.expr, symbol: str) -> ast.expr:
        def of(child: ast.expr) -> ast.expr:
            return self._of(child, symbol)

        match node:
            case ast.Name(id=name) if name in self.expressions:
                return self._of_named(name, symbol)
            case ast.Name(id=name):
                return _ONE if name == symbol else _ZERO
            case ast.Constant() | ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return _ZERO
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _minus(_ZERO, of(operand))
            case ast.UnaryOp(operand=operand):
                return of(operand)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _plus(of(left), of(right))
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return _minus(of(left), of(right))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return _plus(_times(of(left), right), _times(left, of(right)))
            case ast.BinOp(left=left, op=ast.Div(), right=right):  # (u / v)' = (u' - u / v v') / v
                return _over(_minus(of(left), _times(node, of(right))), right)
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                return _of_power(node, base, of(base), exponent, of(exponent))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return _choice(test, of(body), of(orelse))
            case ast.Call(func=ast.Name(id="where"), args=[test, yes, no]):
                return _choice(test, of(yes), of(no))
            case ast.Call(func=ast.Name(id="min" | "max" as name), args=[a, b]):
                return _choice(ast.Compare(b, [ast.Lt() if name == "min" else ast.Gt()], [a]), of(b), of(a))
            case ast.Call(func=ast.Name(id="clip"), args=[x, low, high]):
                above = ast.Compare(x, [ast.Gt()], [high])
                return _choice(ast.Compare(x, [ast.Lt()], [low]), of(low), _choice(above, of(high), of(x)))
            case ast.Call(func=ast.Name(id=name), args=[x]):
                return _of_call(name, x, of(x))
        raise AssertionError(ast.dump(node))


# -- rules and simplifications -------------------------------------------------------------------------------------------------


def _of_power(node: ast.expr, base: ast.expr, of_base: ast.expr, exponent: ast.expr, of_exponent: ast.expr) -> ast.expr:
    number = plain_number(exponent)
    less: ast.expr = ast.BinOp(exponent, ast.Sub(), _ONE)
    if number is not None:
        less = _signed(number - 1.0)
    lowered = base if number == 2 else _ONE if number == 1 else ast.BinOp(base, ast.Pow(), less)
    logarithm = ast.Call(ast.Name("log"), [base], [])
    return _plus(_times(_times(exponent, lowered), of_base), _times(_times(node, logarithm), of_exponent))


def _of_call(name: str, x: ast.expr, of_x: ast.expr) -> ast.expr:
    if name == "sign" or _is(of_x, 0):
        return _ZERO
    if name not in _RULES:
        raise CosimError(f"{name} has no derivative here", mend="write it with exp and a quotient")
    return _times(_put_in(_RULES[name], x), of_x)


def _put_in(rule: str, x: ast.expr) -> ast.expr:
    class Replace(ast.NodeTransformer):
        def visit_Name(self, found: ast.Name) -> ast.expr:
            return x if found.id == "x" else found

    tree: ast.expr = Replace().visit(ast.parse(rule, mode="eval").body)
    return tree


def _is(node: ast.expr, value: float) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def _signed(number: float) -> ast.expr:
    return ast.Constant(number) if number >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-number))


def _plus(a: ast.expr, b: ast.expr) -> ast.expr:
    return b if _is(a, 0) else a if _is(b, 0) else ast.BinOp(a, ast.Add(), b)


def _minus(a: ast.expr, b: ast.expr) -> ast.expr:
    if _is(b, 0):
        return a
    return ast.UnaryOp(ast.USub(), b) if _is(a, 0) else ast.BinOp(a, ast.Sub(), b)


def _times(a: ast.expr, b: ast.expr) -> ast.expr:
    if _is(a, 0) or _is(b, 0):
        return _ZERO
    return b if _is(a, 1) else a if _is(b, 1) else ast.BinOp(a, ast.Mult(), b)


def _over(a: ast.expr, b: ast.expr) -> ast.expr:
    return _ZERO if _is(a, 0) else ast.BinOp(a, ast.Div(), b)


def _choice(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    return _ZERO if _is(yes, 0) and _is(no, 0) else ast.IfExp(test, yes, no)
