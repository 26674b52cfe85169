package eltwise

import "alike/internal/kernel/cpu"

func binaryVector(cpu.Level, Op, []float32, []float32, []float32) bool { return false }

func unaryVector(cpu.Level, Op, []float32, []float32) bool { return false }

func selectVector(_ cpu.Level, _, _, _, _ []float32) bool { return false }

func mulAddVector(_ cpu.Level, _, _, _, _ []float32) bool { return false }
