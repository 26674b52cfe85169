package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"alike/dataset"
)

// shades are images of one colour each, of any size.
type shades struct {
	size   int
	colour [][3]uint8
	bad    int // an image that cannot be read, or -1
}

func (s shades) Name() string      { return "shades" }
func (s shades) Len() int          { return len(s.colour) }
func (s shades) Label(i int) int   { return i % 2 }
func (s shades) ID(i int) string   { return fmt.Sprintf("shade-%d", i) }
func (s shades) Classes() []string { return []string{"even", "odd"} }

func (s shades) Image(i int) (dataset.Image, error) {
	if i == s.bad {
		return dataset.Image{}, errors.New("image 1 is torn")
	}
	img := dataset.Image{Width: s.size, Height: s.size}
	for range s.size * s.size {
		img.Pix = append(img.Pix, s.colour[i][:]...)
	}
	return img, nil
}

func TestPixels(t *testing.T) {
	for _, size := range []int{2, 5} { // as they are, and resized
		t.Run(fmt.Sprintf("size=%d", size), func(t *testing.T) {
			s := shades{size, [][3]uint8{{255, 0, 0}, {0, 30, 40}, {0, 0, 0}}, -1}
			f, err := Pixels(t.Context(), s, 2)
			if err != nil {
				t.Fatal(err)
			}
			for i, colour := range [][3]float64{{0.5, 0, 0}, {0, 0.3, 0.4}, {0, 0, 0}} {
				for k, v := range f.Row(i) {
					if !(math.Abs(float64(v)-colour[k%3]) < 1e-6) {
						t.Errorf("image %d is %g, want pixels of %g", i, f.Row(i), colour)
						break
					}
				}
			}
			f.Data = nil
			want := &Features{
				N: 3, D: 12, Labels: []int{0, 1, 0}, Classes: []string{"even", "odd"}, Layer: "pixels",
				IDs: []string{"shade-0", "shade-1", "shade-2"}, Set: Set{Data: "shades", Images: 3},
			}
			if d := cmp.Diff(want, f); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestPixelsStop(t *testing.T) {
	s := shades{2, make([][3]uint8, 3), 1}
	_, err := Pixels(t.Context(), s, 2)
	wantError(t, err, "pixels of shades: image 1 is torn")
	ctx, stop := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	stop(cause)
	if _, err := Pixels(ctx, s, 2); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
}

func TestChance(t *testing.T) {
	bank := &Features{N: 4, D: 1, Data: make([]float32, 4), Labels: []int{0, 2, 2, 1}}
	queries := &Features{N: 5, D: 1, Data: make([]float32, 5), Labels: []int{2, 0, 1, 2, 2}}
	if got, err := Chance(bank, queries); err != nil || got != 0.6 {
		t.Errorf("got %g, %v, want 0.6", got, err)
	}
}
