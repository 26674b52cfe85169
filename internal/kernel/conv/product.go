package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/pool"
	"alike/internal/kernel/tile"
)

// geometry is a convolution whose result may lie anywhere in y: pixel (p, q)
// of image n begins at start + n image + p row + q pixel.
type geometry struct {
	n, h, w, c       int
	kh, kw, o        int
	strideH, strideW int
	padTop, padLeft  int
	outH, outW       int

	start, image, row, pixel int
}

// taskPixels is about how many pixels one task computes: enough to read a
// panel of weights from the caches once for many of them.
const taskPixels = 256

// run computes the convolution; weight tells the kernel's elements.
func (g *geometry) run(p *pool.Pool, lv cpu.Level, x []float32, weight func(i, j, c, o int) float32, y []float32) {
	if g.n*g.outH*g.outW*g.o == 0 {
		return
	}
	if g.kh*g.kw*g.c == 0 {
		g.fillZero(p, y)
		return
	}
	width, groups := tile.Width(lv, g.o)
	panels := (g.o + width - 1) / width
	packed := p.Borrow(panels * g.kh * g.kw * g.c * width)
	defer p.Return(packed)
	g.pack(p, packed, width, weight)
	images := max(1, min(taskPixels/(g.outH*g.outW), (g.n+minTasks-1)/minTasks))
	p.Run((g.n+images-1)/images, func(task int) {
		from := task * images
		t := newTask(g, p, lv, width, groups, min(images, g.n-from))
		defer t.free(p)
		for i := range t.images {
			t.copyPadded(i, x[(from+i)*g.h*g.w*g.c:][:g.h*g.w*g.c])
		}
		for panel := range panels {
			t.panel(packed[panel*g.kh*g.kw*g.c*width:], panel*width, y[g.start+from*g.image:])
		}
	})
}

// minTasks is the number of tasks that even a small batch is split into.
const minTasks = 16

// fillZero writes the result of an empty sum.
func (g *geometry) fillZero(p *pool.Pool, y []float32) {
	p.Run(g.n, func(n int) {
		for r := range g.outH {
			for q := range g.outW {
				clear(y[g.start+n*g.image+r*g.row+q*g.pixel:][:g.o])
			}
		}
	})
}

// pack orders the weights as [O/width][KH KW C][width], zeros beyond O.
func (g *geometry) pack(p *pool.Pool, packed []float32, width int, weight func(i, j, c, o int) float32) {
	p.Run(len(packed)/(g.kh*g.kw*g.c*width), func(panel int) {
		at := panel * g.kh * g.kw * g.c * width
		for i := range g.kh {
			for j := range g.kw {
				for c := range g.c {
					row := packed[at : at+width]
					for o := range row {
						row[o] = 0
						if panel*width+o < g.o {
							row[o] = weight(i, j, c, panel*width+o)
						}
					}
					at += width
				}
			}
		}
	})
}

// task is some neighbouring images with their borders.
type task struct {
	*geometry
	lv            cpu.Level
	width, groups int
	images        int
	ph, pw        int       // sides of a padded image
	padded        []float32 // [images, ph, pw, c], and a few rows to read beyond
	spill         []float32 // a group's results that do not fit y as they are
}

func newTask(g *geometry, p *pool.Pool, lv cpu.Level, width, groups, images int) *task {
	t := &task{geometry: g, lv: lv, width: width, groups: groups, images: images}
	t.ph, t.pw = (g.outH-1)*g.strideH+g.kh, (g.outW-1)*g.strideW+g.kw
	t.padded = p.Borrow(images*t.ph*t.pw*g.c + 3*g.strideW*g.c)
	t.spill = p.Borrow(4 * width * tile.MaxGroups)
	return t
}

func (t *task) free(p *pool.Pool) {
	p.Return(t.padded)
	p.Return(t.spill)
}

// copyPadded copies image i with its border of zeros.
func (t *task) copyPadded(i int, x []float32) {
	dst := t.padded[i*t.ph*t.pw*t.c:][:t.ph*t.pw*t.c]
	for r := range t.ph {
		row := dst[r*t.pw*t.c:][:t.pw*t.c]
		h := r - t.padTop
		if h < 0 || h >= t.h {
			clear(row)
			continue
		}
		from, to := max(0, t.padLeft), min(t.pw, t.padLeft+t.w) // columns inside the image
		if from >= to {
			clear(row)
			continue
		}
		clear(row[:from*t.c])
		copy(row[from*t.c:to*t.c], x[(h*t.w+from-t.padLeft)*t.c:])
		clear(row[to*t.c:])
	}
}

// panel computes width channels from o on of all images of the task.
func (t *task) panel(w []float32, o int, y []float32) {
	d := tile.Dot{
		Width: t.width, Groups: t.groups, Rows: t.kh, Run: t.kw * t.c,
		X: t.padded, Pixel: t.strideW * t.c, Row: t.pw * t.c, W: w,
	}
	var (
		rowGroups = (t.outW + 3) / 4
		total     = t.images * t.outH * rowGroups
		channels  = min(t.width, t.o-o)
	)
	for first := 0; first < total; first += t.groups {
		whole := channels == t.width && first+t.groups <= total
		for g := range t.groups {
			at := min(first+g, total-1)
			q, r := at%rowGroups*4, at/rowGroups
			i, row := r/t.outH, r%t.outH
			d.At[g] = ((i*t.ph+row*t.strideH)*t.pw + q*t.strideW) * t.c
			d.To[g] = i*t.image + row*t.row + q*t.pixel + o
			whole = whole && q+4 <= t.outW
		}
		if whole {
			d.Y, d.YPixel = y, t.pixel
			d.Do(t.lv)
			continue
		}
		to := d.To
		for g := range t.groups {
			d.To[g] = 4 * g * t.width
		}
		d.Y, d.YPixel = t.spill, t.width
		d.Do(t.lv)
		for g := range min(t.groups, total-first) {
			q := (first + g) % rowGroups * 4
			for p := range min(4, t.outW-q) {
				copy(y[to[g]+p*t.pixel:][:channels], t.spill[(4*g+p)*t.width:])
			}
		}
	}
}
