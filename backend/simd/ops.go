package simd

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// unclaimed are the operations of the Go backend that this one leaves out:
// closures, dynamic shapes, and fused operations, which GoMLX then writes as
// chains that are fused here.
var unclaimed = []compute.OpType{
	compute.OpTypeCall, compute.OpTypeIf, compute.OpTypeWhile, compute.OpTypeSort,
	compute.OpTypeDynamicBroadcastInDim, compute.OpTypeDynamicIota, compute.OpTypeDynamicPad,
	compute.OpTypeDynamicDimensionSize, compute.OpTypeDynamicShape, compute.OpTypeDynamicReshape,
	compute.OpTypeFusedSoftmax, compute.OpTypeFusedLayerNorm, compute.OpTypeFusedGelu, compute.OpTypeFusedDense,
	compute.OpTypeFusedScaledDotProductAttention, compute.OpTypeFusedAttentionQKVProjection,
	compute.OpTypeFusedQuantizedDense, compute.OpTypeQuantizedEmbeddingLookup,
}

// Attributes of recorded operations that the compiler looks at.
type (
	axesAttr  []int // Transpose's permutation, Concatenate's axis, Reverse's and reductions' axes, BroadcastInDim's axes
	normAttr  struct{ epsilon float32 }
	sliceAttr struct{ starts, strides []int } // strides are 1 where there are none
	dotAttr   struct{ lhsContract, lhsBatch, rhsContract, rhsBatch []int }
	convAttr  struct {
		axes                            compute.ConvolveAxesConfig
		strides                         []int
		paddings                        [][2]int
		inputDilations, kernelDilations []int
		groups                          int // the product of both group counts
	}
)

// windowAttr is what an operation on windows needs.
type windowAttr struct {
	reduction       compute.ReduceOpType
	window, strides []int
	paddings        [][2]int
	plain           bool // no dilations
}

// plain says whether all dilations are 1.
func plain(dilations []int) bool {
	return !slices.ContainsFunc(dilations, func(d int) bool { return d > 1 })
}

func one(v compute.Value, err error) ([]compute.Value, error) { return []compute.Value{v}, err }

// single records an operation with one output.
func (f *function) single(op compute.OpType, attrs any, inputs []compute.Value, r replay) (compute.Value, error) {
	outs, err := f.record(op, attrs, inputs, r)
	if err != nil {
		return nil, err
	}
	return outs[0], nil
}

func (f *function) unary(op compute.OpType, method func(compute.Function, compute.Value) (compute.Value, error), x compute.Value) (compute.Value, error) {
	return f.single(op, nil, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(method(g, in[0]))
	})
}

func (f *function) binary(op compute.OpType, method func(compute.Function, compute.Value, compute.Value) (compute.Value, error), x, y compute.Value) (compute.Value, error) {
	return f.single(op, nil, []compute.Value{x, y}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(method(g, in[0], in[1]))
	})
}

func (f *function) reduction(op compute.OpType, method func(compute.Function, compute.Value, ...int) (compute.Value, error), x compute.Value, axes []int) (compute.Value, error) {
	axes = slices.Clone(axes)
	return f.single(op, axesAttr(axes), []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(method(g, in[0], axes...))
	})
}

func (f *function) ArgMinMax(x compute.Value, axis int, outputDType dtypes.DType, isMin bool) (compute.Value, error) {
	return f.single(compute.OpTypeArgMinMax, nil, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.ArgMinMax(in[0], axis, outputDType, isMin))
	})
}

func (f *function) Bitcast(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	return f.single(compute.OpTypeBitcast, nil, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Bitcast(in[0], dtype))
	})
}

func (f *function) BroadcastInDim(x compute.Value, shape shapes.Shape, axes []int) (compute.Value, error) {
	axes = slices.Clone(axes)
	return f.single(compute.OpTypeBroadcastInDim, axesAttr(axes), []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.BroadcastInDim(in[0], shape, axes))
	})
}

// Clamp implements compute.Function, as the Go backend does.
func (f *function) Clamp(low, x, high compute.Value) (compute.Value, error) {
	x, err := f.Max(low, x)
	if err != nil {
		return nil, err
	}
	return f.Min(x, high)
}

func (f *function) Concatenate(axis int, operands ...compute.Value) (compute.Value, error) {
	return f.single(compute.OpTypeConcatenate, axesAttr{axis}, operands, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Concatenate(axis, in...))
	})
}

func (f *function) ConvGeneral(input, kernel compute.Value, axes compute.ConvolveAxesConfig, strides []int, paddings [][2]int,
	inputDilations, kernelDilations []int, channelGroups, batchGroups int) (compute.Value, error) {
	attr := convAttr{axes.Clone(), slices.Clone(strides), slices.Clone(paddings), slices.Clone(inputDilations), slices.Clone(kernelDilations),
		max(channelGroups, 1) * max(batchGroups, 1)}
	if batchGroups <= 1 && f.hasGroups(input, kernel, attr) {
		return f.grouped(input, kernel, attr)
	}
	return f.single(compute.OpTypeConvGeneral, attr, []compute.Value{input, kernel}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.ConvGeneral(in[0], in[1], attr.axes, attr.strides, attr.paddings, attr.inputDilations, attr.kernelDilations, channelGroups, batchGroups))
	})
}

func (f *function) ConvertDType(x compute.Value, dtype dtypes.DType) (compute.Value, error) {
	return f.single(compute.OpTypeConvertDType, nil, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.ConvertDType(in[0], dtype))
	})
}

func (f *function) CumSum(x compute.Value, axis int, options compute.CumSumOptions) (compute.Value, error) {
	return f.single(compute.OpTypeCumSum, nil, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.CumSum(in[0], axis, options))
	})
}

func (f *function) DotGeneral(lhs compute.Value, lhsContract, lhsBatch []int, rhs compute.Value, rhsContract, rhsBatch []int, config compute.DotGeneralConfig) (compute.Value, error) {
	attr := dotAttr{slices.Clone(lhsContract), slices.Clone(lhsBatch), slices.Clone(rhsContract), slices.Clone(rhsBatch)}
	return f.single(compute.OpTypeDotGeneral, attr, []compute.Value{lhs, rhs}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.DotGeneral(in[0], attr.lhsContract, attr.lhsBatch, in[1], attr.rhsContract, attr.rhsBatch, config))
	})
}

func (f *function) Gather(operand, indices compute.Value, indexVectorAxis int, offsetOutputAxes, collapsedSliceAxes, startIndexMap, sliceSizes []int, sorted bool) (compute.Value, error) {
	return f.single(compute.OpTypeGather, nil, []compute.Value{operand, indices}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Gather(in[0], in[1], indexVectorAxis, offsetOutputAxes, collapsedSliceAxes, startIndexMap, sliceSizes, sorted))
	})
}

func (f *function) Iota(shape shapes.Shape, axis int) (compute.Value, error) {
	return f.single(compute.OpTypeIota, nil, nil, func(g compute.Function, _ []compute.Value) ([]compute.Value, error) {
		return one(g.Iota(shape, axis))
	})
}

func (f *function) Pad(x, fill compute.Value, config ...compute.PadAxis) (compute.Value, error) {
	config = slices.Clone(config)
	return f.single(compute.OpTypePad, nil, []compute.Value{x, fill}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Pad(in[0], in[1], config...))
	})
}

func (f *function) ReduceWindow(x compute.Value, reduction compute.ReduceOpType, window, strides, inputDilations, windowDilations []int, paddings [][2]int) (compute.Value, error) {
	attr := windowAttr{reduction, slices.Clone(window), slices.Clone(strides), slices.Clone(paddings), plain(inputDilations) && plain(windowDilations)}
	return f.single(compute.OpTypeReduceWindow, attr, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.ReduceWindow(in[0], reduction, window, strides, inputDilations, windowDilations, paddings))
	})
}

func (f *function) Reshape(x compute.Value, dimensions ...int) (compute.Value, error) {
	dimensions = slices.Clone(dimensions)
	return f.single(compute.OpTypeReshape, nil, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Reshape(in[0], dimensions...))
	})
}

func (f *function) Reverse(x compute.Value, axes ...int) (compute.Value, error) {
	axes = slices.Clone(axes)
	return f.single(compute.OpTypeReverse, axesAttr(axes), []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Reverse(in[0], axes...))
	})
}

func (f *function) RNGBitGenerator(state compute.Value, shape shapes.Shape) (compute.Value, compute.Value, error) {
	outs, err := f.record(compute.OpTypeRNGBitGenerator, nil, []compute.Value{state}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		state, values, err := g.RNGBitGenerator(in[0], shape)
		return []compute.Value{state, values}, err
	})
	if err != nil {
		return nil, nil, err
	}
	return outs[0], outs[1], nil
}

// scatter is the shape of the three scatter operations.
type scatter func(g compute.Function, operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes []int, sorted, unique bool) (compute.Value, error)

func (f *function) scatter(op compute.OpType, method scatter, operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes []int, sorted, unique bool) (compute.Value, error) {
	return f.single(op, nil, []compute.Value{operand, indices, updates}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(method(g, in[0], in[1], in[2], indexVectorAxis, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes, sorted, unique))
	})
}

func (f *function) ScatterMax(operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes []int, sorted, unique bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterMax, compute.Function.ScatterMax, operand, indices, updates, indexVectorAxis, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes, sorted, unique)
}

func (f *function) ScatterMin(operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes []int, sorted, unique bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterMin, compute.Function.ScatterMin, operand, indices, updates, indexVectorAxis, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes, sorted, unique)
}

func (f *function) ScatterSum(operand, indices, updates compute.Value, indexVectorAxis int, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes []int, sorted, unique bool) (compute.Value, error) {
	return f.scatter(compute.OpTypeScatterSum, compute.Function.ScatterSum, operand, indices, updates, indexVectorAxis, updateWindowAxes, insertedWindowAxes, scatterAxesToOperandAxes, sorted, unique)
}

func (f *function) SelectAndScatterMax(x, source compute.Value, window, strides []int, paddings [][2]int) (compute.Value, error) {
	attr := windowAttr{compute.ReduceOpMax, slices.Clone(window), slices.Clone(strides), slices.Clone(paddings), true}
	return f.single(compute.OpTypeSelectAndScatterMax, attr, []compute.Value{x, source}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.SelectAndScatterMax(in[0], in[1], window, strides, paddings))
	})
}

func (f *function) SelectAndScatterMin(x, source compute.Value, window, strides []int, paddings [][2]int) (compute.Value, error) {
	return f.single(compute.OpTypeSelectAndScatterMin, nil, []compute.Value{x, source}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.SelectAndScatterMin(in[0], in[1], window, strides, paddings))
	})
}

func (f *function) Slice(x compute.Value, starts, limits, strides []int) (compute.Value, error) {
	attr := sliceAttr{slices.Clone(starts), slices.Clone(strides)}
	return f.single(compute.OpTypeSlice, attr, []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Slice(in[0], starts, limits, strides))
	})
}

func (f *function) Transpose(x compute.Value, permutation ...int) (compute.Value, error) {
	permutation = slices.Clone(permutation)
	return f.single(compute.OpTypeTranspose, axesAttr(permutation), []compute.Value{x}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Transpose(in[0], permutation...))
	})
}

func (f *function) Where(condition, onTrue, onFalse compute.Value) (compute.Value, error) {
	return f.single(compute.OpTypeWhere, nil, []compute.Value{condition, onTrue, onFalse}, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.Where(in[0], in[1], in[2]))
	})
}

// OptimizationBarrier implements compute.Function. A barrier is a node of its
// own, so nothing on its far side is taken for equal to what is on the near one.
func (f *function) OptimizationBarrier(operands ...compute.Value) ([]compute.Value, error) {
	outs, err := f.record(compute.OpTypeOptimizationBarrier, nil, operands, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return g.OptimizationBarrier(in...)
	})
	if err != nil {
		return nil, err
	}
	values := make([]compute.Value, len(outs))
	for i, v := range outs {
		values[i] = v
	}
	return values, nil
}

// SchedulingBarrier implements compute.Function: operand, once the dependencies
// are computed, which holds since steps run in the order of recording.
func (f *function) SchedulingBarrier(operand compute.Value, dependencies ...compute.Value) (compute.Value, error) {
	inputs := append([]compute.Value{operand}, dependencies...)
	return f.single(compute.OpTypeSchedulingBarrier, nil, inputs, func(g compute.Function, in []compute.Value) ([]compute.Value, error) {
		return one(g.SchedulingBarrier(in[0], in[1:]...))
	})
}

// normalisation records one of the three batch normalisations, which the Go
// backend does not know: x [..., C], the rest [C].
func (f *function) normalisation(op compute.OpType, epsilon float32, axis int, outs func(x, c shapes.Shape) []shapes.Shape, inputs ...compute.Value) ([]*value, error) {
	in := make([]*value, len(inputs))
	for i, v := range inputs {
		x, err := f.own(v)
		if err != nil {
			return nil, err
		}
		in[i] = x
	}
	x, c := in[0].shape(), in[1].shape()
	switch rank := x.Rank(); {
	case !isFloat32(x) || rank == 0:
		return nil, fmt.Errorf("backend %s: %s of %s: only float32 with an axis of channels", Name, op, x)
	case x.Size() == 0:
		return nil, fmt.Errorf("backend %s: %s of %s, which has no elements", Name, op, x)
	case axis != rank-1:
		return nil, fmt.Errorf("backend %s: %s over axis %d of %s: only over the last axis", Name, op, axis, x)
	}
	for i, v := range in[1:] {
		want := shapes.Make(x.DType, x.Dimensions[axis])
		if op == compute.OpTypeBatchNormGradient && i == 3 { // dy
			want = x
		}
		if !v.shape().Equal(want) {
			return nil, fmt.Errorf("backend %s: %s of %s: operand %d is %s, want %s", Name, op, x, i+1, v.shape(), want)
		}
	}
	n, err := f.add(op, normAttr{epsilon}, in, outs(x, c), nil)
	if err != nil {
		return nil, err
	}
	return n.outs, nil
}

func (f *function) BatchNormForTraining(x, scale, offset compute.Value, epsilon float32, axis int) (normalized, mean, variance compute.Value, err error) {
	outs, err := f.normalisation(compute.OpTypeBatchNormForTraining, epsilon, axis,
		func(x, c shapes.Shape) []shapes.Shape { return []shapes.Shape{x, c, c} }, x, scale, offset)
	if err != nil {
		return nil, nil, nil, err
	}
	return outs[0], outs[1], outs[2], nil
}

func (f *function) BatchNormForInference(x, scale, offset, mean, variance compute.Value, epsilon float32, axis int) (compute.Value, error) {
	outs, err := f.normalisation(compute.OpTypeBatchNormForInference, epsilon, axis,
		func(x, _ shapes.Shape) []shapes.Shape { return []shapes.Shape{x} }, x, scale, offset, mean, variance)
	if err != nil {
		return nil, err
	}
	return outs[0], nil
}

func (f *function) BatchNormGradient(x, scale, mean, variance, dy compute.Value, epsilon float32, axis int) (dx, dScale, dOffset compute.Value, err error) {
	outs, err := f.normalisation(compute.OpTypeBatchNormGradient, epsilon, axis,
		func(x, c shapes.Shape) []shapes.Shape { return []shapes.Shape{x, c, c} }, x, scale, mean, variance, dy)
	if err != nil {
		return nil, nil, nil, err
	}
	return outs[0], outs[1], outs[2], nil
}

// claimed is false for what unclaimed lists.
func claimed(op compute.OpType) bool { return !slices.Contains(unclaimed, op) }
