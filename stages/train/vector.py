"""A vector of 16 float32 lanes, and tiles of such vectors, for code that Numba compiles.

LLVM lowers `<16 x float>` to the registers a CPU has: one of AVX-512, two of AVX2, four of SSE2 or NEON.
Every operation here works lane by lane and rounds as IEEE 754 says, so the order of each addition is fixed by
the source and not by the CPU: that is what makes the results the same bytes everywhere. There is no
`fastmath`, nothing from libm, and a product is fused with a sum only where `fma` says so.

A tile is a small matrix of vectors that stays in registers while a long sum is added up in it. Its shape
decides speed alone: each of its entries is a sum of its own.

Offsets and strides count float32 elements of flat, contiguous arrays. Nothing is checked: a kernel's loads
and stores are as unchecked as C's.
"""

# The intrinsics' signatures are read by Numba, which wants them bare.
# mypy: disable-error-code="no-untyped-def"

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

LANES = 16

FLOAT = ir.FloatType()
INT = ir.IntType(32)
LLVM_VECTOR = ir.VectorType(FLOAT, LANES)
LLVM_INTS = ir.VectorType(INT, LANES)


class Vector(types.Type):
    """Sixteen float32 in one value."""

    def __init__(self) -> None:  # noqa: D107
        super().__init__(f"float32x{LANES}")


class Tile(types.Type):
    """`rows` x `columns` vectors in one value."""

    def __init__(self, rows: int, columns: int) -> None:  # noqa: D107
        super().__init__(f"tile({rows}, {columns})")
        self.rows, self.columns = rows, columns


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """Numba's view of a vector: an LLVM vector, nothing around it."""

    def __init__(self, manager, numba_type):  # noqa: D107
        super().__init__(manager, numba_type, LLVM_VECTOR)


@register_model(Tile)
class TileModel(models.PrimitiveModel):
    """Numba's view of a tile: an LLVM array of vectors, row by row, which LLVM takes apart into registers."""

    def __init__(self, manager, numba_type):  # noqa: D107
        size = numba_type.rows * numba_type.columns
        super().__init__(manager, numba_type, ir.ArrayType(LLVM_VECTOR, size))


vector = Vector()


# -- memory --------------------------------------------------------------------------------------------------


def _address(context, builder, array_type, array, offset):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [offset])


def _load(builder, address):
    address = builder.bitcast(address, LLVM_VECTOR.as_pointer())
    return builder.load(address, align=4)


def _store(builder, value, address):
    builder.store(value, builder.bitcast(address, LLVM_VECTOR.as_pointer()), align=4)


def _splat(builder, scalar):
    undefined = ir.Constant(LLVM_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT, LANES), [0] * LANES))


@intrinsic
def load(typing, array, offset):
    """The vector array[offset : offset + 16]."""

    def generate(context, builder, signature, args):
        return _load(builder, _address(context, builder, signature.args[0], args[0], args[1]))

    return vector(array, types.intp), generate


@intrinsic
def store(typing, array, offset, value):
    """array[offset : offset + 16] = value."""

    def generate(context, builder, signature, args):
        _store(builder, args[2], _address(context, builder, signature.args[0], args[0], args[1]))
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), generate


@intrinsic
def splat(typing, scalar):
    """The vector whose lanes all are `scalar`."""
    return vector(types.float32), lambda context, builder, signature, args: _splat(builder, args[0])


# -- arithmetic, lane by lane --------------------------------------------------------------------------------


def _lanewise(count, emit):
    """An intrinsic of `count` vectors; `emit(builder, *vectors)` writes the instruction."""
    types_in = [vector] * count

    def generate(context, builder, signature, args):
        return emit(builder, *args)

    # Numba counts an intrinsic's arguments by its Python signature.
    if count == 1:
        return intrinsic(lambda typing, a: (vector(*types_in), generate))
    if count == 2:
        return intrinsic(lambda typing, a, b: (vector(*types_in), generate))
    return intrinsic(lambda typing, a, b, c: (vector(*types_in), generate))


def _call(builder, name, *args):
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(LLVM_VECTOR, [LLVM_VECTOR] * len(args)), name)
    return builder.call(function, args)


def _fma(builder, a, b, c):
    return _call(builder, f"llvm.fma.v{LANES}f32", a, b, c)


add = _lanewise(2, lambda builder, a, b: builder.fadd(a, b))
sub = _lanewise(2, lambda builder, a, b: builder.fsub(a, b))
mul = _lanewise(2, lambda builder, a, b: builder.fmul(a, b))
div = _lanewise(2, lambda builder, a, b: builder.fdiv(a, b))
absolute = _lanewise(1, lambda builder, a: _call(builder, f"llvm.fabs.v{LANES}f32", a))
# |a| with the sign of b
copy_sign = _lanewise(2, lambda builder, a, b: _call(builder, f"llvm.copysign.v{LANES}f32", a, b))
sqrt = _lanewise(1, lambda builder, a: _call(builder, f"llvm.sqrt.v{LANES}f32", a))
fma = _lanewise(3, _fma)  # a * b + c, rounded once

# The comparisons are ordered, so that with a nan on either side `where_...` takes `otherwise`.


@intrinsic
def power_of_two(typing, shifted):
    """2^n, exactly, where `shifted` is 1.5 * 2^23 + 127 + n and -127 < n < 128: its last bits are the exponent of
    2^n."""

    def generate(context, builder, signature, args):
        bits = builder.bitcast(args[0], LLVM_INTS)
        return builder.bitcast(builder.shl(bits, ir.Constant(LLVM_INTS, [23] * LANES)), LLVM_VECTOR)

    return vector(vector), generate


@intrinsic
def where_less(typing, a, b, then, otherwise):
    """Lane by lane, `then` where a < b, else `otherwise`."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return vector(vector, vector, vector, vector), generate


@intrinsic
def where_less_equal(typing, a, b, then, otherwise):
    """Lane by lane, `then` where a <= b, else `otherwise`."""

    def generate(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<=", args[0], args[1]), args[2], args[3])

    return vector(vector, vector, vector, vector), generate


@intrinsic
def sum_lanes(typing, value):
    """The sum of the 16 lanes, halves first: lane l + lane l+8, then l + l+4, l + l+2, l + l+1."""

    def generate(context, builder, signature, args):
        total, width = args[0], LANES
        while width > 1:
            width //= 2
            low = ir.Constant(ir.VectorType(INT, width), list(range(width)))
            high = ir.Constant(ir.VectorType(INT, width), list(range(width, 2 * width)))
            total = builder.fadd(
                builder.shuffle_vector(total, total, low), builder.shuffle_vector(total, total, high)
            )
        return builder.extract_element(total, INT(0))

    return types.float32(vector), generate


# -- tiles ---------------------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def zeros(typing, rows, columns):
    """A tile of zeros; `rows` and `columns` are constants."""
    tile = Tile(rows.literal_value, columns.literal_value)

    def generate(context, builder, signature, args):
        return ir.Constant(context.get_value_type(tile), None)

    return tile(rows, columns), generate


@intrinsic
def spread(typing, tile, array, offset):
    """A tile of the shape of `tile`, every lane of row r being array[offset + r]."""

    def generate(context, builder, signature, args):
        value, array, offset = args
        first = _address(context, builder, signature.args[1], array, offset)
        for r in range(tile.rows):
            number = _splat(builder, builder.load(builder.gep(first, [INT(r)]), align=4))
            for c in range(tile.columns):
                value = builder.insert_value(value, number, r * tile.columns + c)
        return value

    return tile(tile, array, types.intp), generate


@intrinsic
def add_scaled(typing, tile, a, a_offset, a_stride, b, b_offset):
    """tile[r, c] + a[r] * b[c], fused; a[r] is a number, a_stride apart, b[c] the c-th vector from b_offset.

    One step of a matrix product whose lanes are samples: a number of W times 16 samples of one feature.
    """

    def generate(context, builder, signature, args):
        total, a, a_offset, a_stride, b, b_offset = args
        first = _address(context, builder, signature.args[4], b, b_offset)
        vectors = [_load(builder, builder.gep(first, [INT(c * LANES)])) for c in range(tile.columns)]
        for r in range(tile.rows):
            at = builder.add(a_offset, builder.mul(a_stride, a_stride.type(r)))
            number = builder.load(_address(context, builder, signature.args[1], a, at), align=4)
            factor = _splat(builder, number)
            for c, x in enumerate(vectors):
                n = r * tile.columns + c
                fused = _fma(builder, factor, x, builder.extract_value(total, n))
                total = builder.insert_value(total, fused, n)
        return total

    return tile(tile, a, types.intp, types.intp, b, types.intp), generate


@intrinsic
def add_products(typing, tile, a, a_offset, a_stride, b, b_offset, b_stride):
    """tile[r, c] + a[r] * b[c], fused; a[r] and b[c] are vectors, a_stride and b_stride apart.

    One step of a matrix product whose sum runs over samples: 16 of feature r times the same 16 of feature c.
    """

    def generate(context, builder, signature, args):
        total, a, a_offset, a_stride, b, b_offset, b_stride = args

        def vector_at(array_type, array, offset, stride, n):
            at = builder.add(offset, builder.mul(stride, stride.type(n)))
            return _load(builder, _address(context, builder, array_type, array, at))

        right = [vector_at(signature.args[4], b, b_offset, b_stride, c) for c in range(tile.columns)]
        for r in range(tile.rows):
            left = vector_at(signature.args[1], a, a_offset, a_stride, r)
            for c, x in enumerate(right):
                n = r * tile.columns + c
                fused = _fma(builder, left, x, builder.extract_value(total, n))
                total = builder.insert_value(total, fused, n)
        return total

    return tile(tile, a, types.intp, types.intp, b, types.intp, types.intp), generate


@intrinsic
def store_tile(typing, array, offset, row_stride, tile):
    """Vector c of row r goes to array[offset + r * row_stride + 16 c]."""

    def generate(context, builder, signature, args):
        array, offset, row_stride, value = args
        for r in range(tile.rows):
            at = builder.add(offset, builder.mul(row_stride, row_stride.type(r)))
            row = _address(context, builder, signature.args[0], array, at)
            for c in range(tile.columns):
                vector_out = builder.extract_value(value, r * tile.columns + c)
                _store(builder, vector_out, builder.gep(row, [INT(c * LANES)]))
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, tile), generate


@intrinsic
def add_tile(typing, array, offset, row_stride, tile):
    """Add to what `store_tile` would overwrite."""

    def generate(context, builder, signature, args):
        array, offset, row_stride, value = args
        for r in range(tile.rows):
            at = builder.add(offset, builder.mul(row_stride, row_stride.type(r)))
            row = _address(context, builder, signature.args[0], array, at)
            for c in range(tile.columns):
                address = builder.gep(row, [INT(c * LANES)])
                addend = builder.extract_value(value, r * tile.columns + c)
                _store(builder, builder.fadd(_load(builder, address), addend), address)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, tile), generate
