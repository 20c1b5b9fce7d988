"""A vector of 16 float32 lanes, and tiles of such vectors, for code that Numba compiles.

LLVM lowers `<16 x float>` to the registers a CPU has: one of AVX-512, two of AVX2, four of SSE2 or NEON.
Every operation here works lane by lane and rounds as IEEE 754 says, so the order of each addition is fixed by
the source and not by the CPU: that is what makes the results the same bytes everywhere. There is no
`fastmath`, nothing from libm, and a product is fused with a sum only where `fma` says so.

A tile is a tuple of vectors, rows x columns of them, row by row, that stays in registers while a long sum is
added up in it. Its shape decides speed alone: each of its entries is a sum of its own.

Offsets and strides count float32 elements of a flat, contiguous array. Nothing is checked: a kernel's loads
and stores are as unchecked as C's. `rows` and `columns` are constants.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from stages.train.exact.compiled import inlined

LANES = 16

INT = ir.IntType(32)
LLVM_VECTOR = ir.VectorType(ir.FloatType(), LANES)
LLVM_INTS = ir.VectorType(INT, LANES)


class Vector(types.Type):
    """Sixteen float32 in one value."""

    def __init__(self) -> None:  # noqa: D107
        super().__init__(f"float32x{LANES}")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """Numba's view of a vector: an LLVM vector, nothing around it."""

    def __init__(self, manager, numba_type):  # noqa: D107
        super().__init__(manager, numba_type, LLVM_VECTOR)


vector = Vector()


# -- memory --------------------------------------------------------------------------------------------------


def _addresses(context, builder, array_type, array, offset, stride, rows, columns):
    """Where a tile's vectors lie: the rows `stride` apart, the columns one behind the other."""
    data = context.make_array(array_type)(context, builder, array).data
    for r in range(rows):
        row = builder.gep(data, [builder.add(offset, builder.mul(stride, stride.type(r)))])
        for c in range(columns):
            yield builder.gep(row, [INT(c * LANES)])


def _load(builder, address):
    return builder.load(builder.bitcast(address, LLVM_VECTOR.as_pointer()), align=4)


def _store(builder, value, address):
    builder.store(value, builder.bitcast(address, LLVM_VECTOR.as_pointer()), align=4)


def _splat(builder, scalar):
    undefined = ir.Constant(LLVM_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(LLVM_INTS, [0] * LANES))


def _broadcast(builder, address):
    return _splat(builder, builder.load(address, align=4))


@intrinsic(prefer_literal=True)
def load_tile(typing, array, offset, stride, rows, columns):
    """The tile whose vector c of row r is array[offset + r * stride + 16 c : + 16]."""
    shape = rows.literal_value, columns.literal_value
    tile = types.UniTuple(vector, shape[0] * shape[1])

    def generate(context, builder, signature, args):
        addresses = _addresses(context, builder, signature.args[0], *args[:3], *shape)
        return context.make_tuple(builder, tile, [_load(builder, address) for address in addresses])

    return tile(array, types.intp, types.intp, rows, columns), generate


@intrinsic(prefer_literal=True)
def store_tile(typing, array, offset, stride, columns, tile):
    """Store a tile of so many columns to where `load_tile` would load it from."""
    shape = len(tile) // columns.literal_value, columns.literal_value

    def generate(context, builder, signature, args):
        addresses = _addresses(context, builder, signature.args[0], *args[:3], *shape)
        for n, address in enumerate(addresses):
            _store(builder, builder.extract_value(args[4], n), address)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, columns, tile), generate


@inlined
def load(array, offset):
    """The vector array[offset : offset + 16]."""
    return load_tile(array, offset, 0, 1, 1)[0]


@inlined
def store(array, offset, value):
    """array[offset : offset + 16] = value."""
    store_tile(array, offset, 0, 1, (value,))


# -- arithmetic, lane by lane --------------------------------------------------------------------------------


def _lanewise(count, emit):
    """An intrinsic of `count` vectors; `emit(builder, *vectors)` writes the instruction."""
    signature = vector(*[vector] * count)

    def generate(context, builder, signature, args):
        return emit(builder, *args)

    # Numba counts an intrinsic's arguments by its Python signature.
    typed = {
        1: lambda typing, a: (signature, generate),
        2: lambda typing, a, b: (signature, generate),
        3: lambda typing, a, b, c: (signature, generate),
        4: lambda typing, a, b, c, d: (signature, generate),
    }
    return intrinsic(typed[count])


def _call(builder, name, *args):
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(LLVM_VECTOR, [LLVM_VECTOR] * len(args)), name)
    return builder.call(function, args)


def _fma(builder, a, b, c):
    return _call(builder, f"llvm.fma.v{LANES}f32", a, b, c)


def _select(builder, comparison, a, b, then, otherwise):
    # Ordered: with a nan on either side it is `otherwise`.
    return builder.select(builder.fcmp_ordered(comparison, a, b), then, otherwise)


def _power_of_two(builder, shifted):
    bits = builder.bitcast(shifted, LLVM_INTS)
    return builder.bitcast(builder.shl(bits, ir.Constant(LLVM_INTS, [23] * LANES)), LLVM_VECTOR)


add = _lanewise(2, lambda builder, a, b: builder.fadd(a, b))
sub = _lanewise(2, lambda builder, a, b: builder.fsub(a, b))
mul = _lanewise(2, lambda builder, a, b: builder.fmul(a, b))
div = _lanewise(2, lambda builder, a, b: builder.fdiv(a, b))
absolute = _lanewise(1, lambda builder, a: _call(builder, f"llvm.fabs.v{LANES}f32", a))
# |a| with the sign of b
copy_sign = _lanewise(2, lambda builder, a, b: _call(builder, f"llvm.copysign.v{LANES}f32", a, b))
sqrt = _lanewise(1, lambda builder, a: _call(builder, f"llvm.sqrt.v{LANES}f32", a))
fma = _lanewise(3, _fma)  # a * b + c, rounded once
# then where a < b, or a <= b, else otherwise
where_less = _lanewise(4, lambda builder, *args: _select(builder, "<", *args))
where_less_equal = _lanewise(4, lambda builder, *args: _select(builder, "<=", *args))
# 2^n, exactly, of 1.5 * 2^23 + 127 + n with -127 < n < 128: its last bits are the exponent of 2^n
power_of_two = _lanewise(1, _power_of_two)


@intrinsic
def splat(typing, scalar):
    """The vector whose lanes all are `scalar`."""
    return vector(types.float32), lambda context, builder, signature, args: _splat(builder, args[0])


@intrinsic
def sum_lanes(typing, value):
    """The sum of the 16 lanes, halves first: lane l + lane l+8, then l + l+4, l + l+2, l + l+1."""

    def generate(context, builder, signature, args):
        total, width = args[0], LANES
        while width > 1:
            width //= 2
            halves = (
                builder.shuffle_vector(total, total, ir.Constant(ir.VectorType(INT, width), list(lanes)))
                for lanes in (range(width), range(width, 2 * width))
            )
            total = builder.fadd(*halves)
        return builder.extract_element(total, INT(0))

    return types.float32(vector), generate


# -- tiles ---------------------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def zeros(typing, rows, columns):
    """A tile of zeros."""
    tile = types.UniTuple(vector, rows.literal_value * columns.literal_value)

    def generate(context, builder, signature, args):
        return ir.Constant(context.get_value_type(tile), None)

    return tile(rows, columns), generate


@intrinsic(prefer_literal=True)
def spread(typing, array, offset, rows, columns):
    """A tile in which every lane of row r is array[offset + r]."""
    tile = types.UniTuple(vector, rows.literal_value * columns.literal_value)

    def generate(context, builder, signature, args):
        step = args[1].type(1)
        addresses = _addresses(context, builder, signature.args[0], *args[:2], step, rows.literal_value, 1)
        vectors = [_broadcast(builder, address) for address in addresses]
        vectors = [vector for vector in vectors for _ in range(columns.literal_value)]
        return context.make_tuple(builder, tile, vectors)

    return tile(array, types.intp, rows, columns), generate


@intrinsic
def add_tiles(typing, a, b):
    """The sum of two tiles of one shape."""

    def generate(context, builder, signature, args):
        pairs = ([builder.extract_value(tile, n) for tile in args] for n in range(len(a)))
        return context.make_tuple(builder, a, [builder.fadd(*pair) for pair in pairs])

    return a(a, b), generate


def _multiply_add(load_factor):
    """An intrinsic: tile[r, c] + a[r] * b[c], fused; a[r] are a_stride apart, the vectors b[c] b_stride."""

    def typed(typing, tile, columns, array, a, a_stride, b, b_stride):
        width = columns.literal_value

        def generate(context, builder, signature, args):
            total, _, array, a, a_stride, b, b_stride = args
            where = context, builder, signature.args[2], array
            right = [_load(builder, address) for address in _addresses(*where, b, b_stride, width, 1)]
            for r, address in enumerate(_addresses(*where, a, a_stride, len(tile) // width, 1)):
                factor = load_factor(builder, address)
                for n, other in enumerate(right, r * width):
                    fused = _fma(builder, factor, other, builder.extract_value(total, n))
                    total = builder.insert_value(total, fused, n)
            return total

        return tile(tile, columns, array, *[types.intp] * 4), generate

    return intrinsic(prefer_literal=True)(typed)


# One step of a matrix product whose lanes are samples: a[r] is a number, of W, times 16 samples of one feature.
add_scaled = _multiply_add(_broadcast)
# One step of a matrix product whose sum runs over samples: 16 of feature r times the same 16 of feature c.
add_products = _multiply_add(_load)
