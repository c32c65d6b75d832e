"""Where threads of one kernel wait for each other: a counter that all may add to, and looking at it without a lock.

Waiting threads look some thousand times, then offer their core to others between looks, and then sleep a little: where there are
fewer cores than threads, who waits must not take the core of who is waited for.
"""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LOOKS, OFFERS, SLEEP_US = 2000, 100, 20
_offer_core = types.ExternalFunction("sched_yield", types.int32())
_sleep = types.ExternalFunction("usleep", types.int32(types.uint32))


def _place(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return cgutils.get_item_pointer(context, builder, signature.args[0], array, [ir.Constant(ir.IntType(64), 0)])


@intrinsic
def _add_one(typing_context, counter):
    def code(context, builder, signature, arguments):
        return builder.atomic_rmw("add", _place(context, builder, signature, arguments), ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counter), code


@intrinsic
def _look(typing_context, counter):
    def code(context, builder, signature, arguments):
        return builder.load_atomic(_place(context, builder, signature, arguments), "seq_cst", 8)

    return types.int64(counter), code


@njit(cache=True, nogil=True)
def meet(counter, threads, passed):
    """Wait until all threads are here.

    Parameters
    ----------
    counter
        (1,) int64, 0 before the first meeting; shared.
    passed
        Meetings before this one.
    """
    _add_one(counter)
    wanted, looks = (passed + 1) * threads, 0
    while _look(counter) < wanted:
        looks += 1
        if looks > LOOKS + OFFERS:
            _sleep(SLEEP_US)
        elif looks > LOOKS:
            _offer_core()
