package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"alike/augment"
	"alike/dataset"
	"alike/eval"
	"alike/internal/rng"
	"alike/internal/sheet"
	"alike/train"
)

// defaultMaxBad is the share of images that may be skipped.
const defaultMaxBad = 0.1

// dataFlags are the flags of all commands that read images.
type dataFlags struct {
	spec, classes string
	strict        bool
	maxBad        float64
	cacheMemory   string // bytes with a unit, empty for half of what is free

	unchecked bool // images are only decoded when they are asked for
}

func (d *dataFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&d.spec, "data", "", "SPEC of the images: a path, FORMAT:PATH, - for a list of files, or builtin:sprites")
	d.addOthers(c)
}

// addOptional adds the flags of a command about a run, which has data of its own.
func (d *dataFlags) addOptional(c *cobra.Command) {
	c.Flags().StringVar(&d.spec, "data", "", "SPEC of the images (default: those that the run was trained on)")
	d.addOthers(c)
}

func (d *dataFlags) addOthers(c *cobra.Command) {
	d.addClasses(c)
	d.addTolerance(c)
}

func (d *dataFlags) addTolerance(c *cobra.Command) {
	c.Flags().BoolVar(&d.strict, "strict", false, "stop at the first image that cannot be read instead of skipping it")
	c.Flags().Float64Var(&d.maxBad, "max-bad", defaultMaxBad, "share of images that may be skipped")
	c.Flags().StringVar(&d.cacheMemory, "cache-memory", "", "memory for decoded images, e.g. 2GiB; files beyond it are decoded whenever they are needed (default: half of what is free)")
}

func (d *dataFlags) addClasses(c *cobra.Command) {
	c.Flags().StringVar(&d.classes, "classes", "", `only some classes: by number "<=100" or "3-7", by name "cat,dog" or @FILE, a drawn share "50%"; "not RULE"; "RULE & RULE"`)
}

// open opens the images and says what was skipped.
func (a *app) open(ctx context.Context, d dataFlags) (*dataset.Source, error) {
	if d.spec == "" {
		return nil, misuse("--data is needed: the SPEC of the images, e.g. a folder or builtin:sprites")
	}
	if !(d.maxBad > 0 && d.maxBad <= 1) {
		return nil, misuse("--max-bad %g: must be a share above 0 and at most 1; --strict allows none", d.maxBad)
	}
	cache, err := d.cacheBytes()
	if err != nil {
		return nil, err
	}
	s, err := dataset.Open(ctx, d.spec, dataset.Options{Strict: d.strict, MaxBad: d.maxBad, Stdin: a.stdin, Unchecked: d.unchecked, CacheBytes: cache})
	if err != nil {
		return nil, err
	}
	if kept, all := s.Kept(); kept < all && s.FileTypes != nil && !d.unchecked {
		a.say("%s: %s of %s of decoded images are kept in memory, the others are decoded when they are needed (--cache-memory)",
			d.spec, humanize.IBytes(uint64(kept)), humanize.IBytes(uint64(all)))
	}
	for _, m := range s.Missing {
		a.say("%s: %s: %v", d.spec, m.Name, m.Err)
	}
	a.saySkipped(d.spec, s.Skipped)
	if d.classes != "" {
		return s.OfClasses(d.classes)
	}
	return s, nil
}

// cacheBytes is the memory for decoded images; at least a byte, since 0 asks dataset.Open to keep all.
func (d dataFlags) cacheBytes() (int64, error) {
	if d.cacheMemory != "" {
		n, err := humanize.ParseBytes(d.cacheMemory)
		if err != nil || n > math.MaxInt64 {
			return 0, misuse("--cache-memory %q: want bytes, e.g. 500MB, 2GiB or 0", d.cacheMemory)
		}
		return max(int64(n), 1), nil
	}
	const unknown = 4 << 30 // where the system does not say
	free, err := train.FreeMemory()
	if err != nil {
		free = 2 * unknown
	}
	return int64(free / 2), nil
}

// tolerance is the share of images that may be unreadable.
func (d dataFlags) tolerance() float64 {
	if d.strict {
		return 0
	}
	return d.maxBad
}

// saySkipped names the first of the bad files, and says how many there are.
func (a *app) saySkipped(spec string, skipped []dataset.Skipped) {
	for i, s := range skipped {
		if i == 5 {
			a.say("... and %d more", len(skipped)-i)
			break
		}
		a.say("skipped %s: %v", s.Name, s.Err)
	}
	if n := len(skipped); n > 0 {
		a.say("%s: %d bad files are skipped (--strict stops at the first)", spec, n)
	}
}

// ofRun fills in what the flags leave out: the data of a run, and its classes.
func (d dataFlags) ofRun(run *train.Run) dataFlags {
	if d.spec == "" {
		d.spec, d.classes = run.Config.Data, cmp.Or(d.classes, run.Config.Classes)
	}
	return d
}

// hashed is a split that scores are measured on.
type hashed struct {
	dataset.Dataset
	spec, split, classes, sha256 string
}

func hash(s *dataset.Source, d dataset.Dataset, split string) (hashed, error) {
	sum, err := dataset.Hash(d)
	return hashed{d, s.Spec, split, s.Classes, sum}, err
}

// Unwrap implements dataset.Wrapper.
func (d hashed) Unwrap(i int) (dataset.Dataset, int) { return d.Dataset, i }

// chosenSplit is the split of that name, or the one that is evaluated.
func chosenSplit(s *dataset.Source, split string) (hashed, error) {
	d, name, err := splitOf(s, split)
	if err != nil {
		return hashed{}, err
	}
	return hash(s, d, name)
}

// splitOf is the split of that name, or the one that is evaluated, with its name.
func splitOf(s *dataset.Source, split string) (dataset.Dataset, string, error) {
	if split == "" {
		return s.Evaluation()
	}
	d, err := s.Split(split)
	return d, split, err
}

// sign writes to a set what of the split it is.
func (d hashed) sign(s *eval.Set) {
	s.Data, s.Split, s.Classes, s.SHA256 = d.spec, d.split, d.classes, d.sha256
}

func (a *app) dataInfo() *cobra.Command {
	c := &cobra.Command{
		Use:   "info SPEC",
		Short: "Say what images a SPEC holds, and show views of them",
		Long: `Read all images of a SPEC and say how many there are, of which splits,
classes, sizes and types, their mean and standard deviation, and the time it
took to read and decode them. Files that cannot be read are named; --json lists
all of them with the reasons.`,
		Example: `  alike data info cifar-10-binary.tar.gz
  alike data info photos/ --json --max-bad 1
  alike data info cub-200.tar.gz --classes "<=100"
  alike data info "shards/{00..09}.tar"
  find photos -name '*.jpg' | alike data info -
  alike data info "builtin:sprites?n=200" --views 8 --out views.png

  alike data info "builtin:sprites?n=200" --views "crop(0.2, 1) flip solarise(p=0.5)"`,
		Args: exactly("a SPEC"),
	}
	var data dataFlags
	data.addClasses(c)
	data.addTolerance(c)
	asJSON := jsonFlag(c)
	views := c.Flags().String("views", "", "draw views of some images: how many of SimCLR's, or the steps, as --views of train")
	size := c.Flags().Int("size", 0, "side of the views in pixels (default: the images' shorter side, at most 224)")
	seed := c.Flags().Uint64("seed", 1, "seed of the views")
	out := c.Flags().String("out", "views.png", "picture of the views")
	c.RunE = func(c *cobra.Command, args []string) error {
		data.spec = args[0]
		began := time.Now()
		count, steps, err := viewsWanted(*views)
		if err != nil {
			return err
		}
		s, err := a.open(c.Context(), data)
		if err != nil {
			return err
		}
		seconds := time.Since(began).Seconds()
		if !*asJSON {
			a.printSource(s, seconds)
		}
		info := map[string]dataset.Statistics{}
		for _, split := range slices.Sorted(maps.Keys(s.Splits)) {
			if info[split], err = dataset.Describe(s.Splits[split]); err != nil {
				return err
			}
			if !*asJSON {
				a.printStatistics(split, info[split])
			}
		}
		if count > 0 {
			d, split, err := s.Training()
			if err != nil {
				return err
			}
			if *size == 0 {
				*size = min(info[split].MinSide, largestSize)
			}
			config, err := parseViews(steps, augment.SimCLR(*size))
			if err != nil {
				return misuse("--views: %w", err)
			}
			png, err := viewSheet(d, config, *size, count, *seed)
			if err != nil {
				return err
			}
			if err := os.WriteFile(*out, png, 0o644); err != nil {
				return err
			}
			a.say("the views are in %s", *out)
		}
		rate, side, err := viewRate(s, info)
		if err != nil {
			return err
		}
		if *asJSON {
			kept, all := s.Kept()
			return a.printJSON(map[string]any{
				"spec": s.Spec, "format": s.Format, "file_types": s.FileTypes, "splits": info,
				"skipped": len(s.Skipped), "bad_files": badFiles(s), "read_seconds": seconds,
				"view_images_per_s": rate, "decoded_bytes": all, "kept_bytes": kept,
			})
		}
		if rate > 0 {
			const fast = 1000 // images/s of a trainer
			fmt.Fprintf(a.stdout, "loading: one worker makes SimCLR's two views of %d pixels of %.0f images/s; a run whose steps take %d images/s has %d of them, half as much again as it needs\n",
				side, rate, fast, train.WorkersFor(fast, rate))
		}
		return nil
	}
	return c
}

// viewRate times one worker on SimCLR's views of the training images; 0 where there are too few.
func viewRate(s *dataset.Source, info map[string]dataset.Statistics) (rate float64, side int, err error) {
	d, split, err := s.Training()
	if err != nil || d.Len() < 2 {
		return 0, 0, nil // there may be other splits only
	}
	side = max(min(info[split].MinSide, largestSize), 8)
	c, err := train.Default("simclr", side)
	if err != nil {
		return 0, 0, err
	}
	c.Batch = min(c.Batch, d.Len())
	rate, err = c.ViewRate(d)
	return rate, side, err
}

// badFiles lists what was skipped, for JSON.
func badFiles(s *dataset.Source) []map[string]string {
	list := []map[string]string{}
	for _, skipped := range s.Skipped {
		list = append(list, map[string]string{"name": skipped.Name, "reason": skipped.Err.Error()})
	}
	return list
}

// printSource says what all splits share.
func (a *app) printSource(s *dataset.Source, seconds float64) {
	images := s.Len()
	fmt.Fprintf(a.stdout, "%s: %d images read in %.2f s (%.0f images/s)\n", s.Format, images, seconds, float64(images)/seconds)
	for _, kind := range slices.Sorted(maps.Keys(s.FileTypes)) {
		fmt.Fprintf(a.stdout, "  %s: %d images\n", kind, s.FileTypes[kind])
	}
	if kept, all := s.Kept(); all > 0 {
		fmt.Fprintf(a.stdout, "  memory: %s of decoded images, %s of them kept (--cache-memory)\n", humanize.IBytes(uint64(all)), humanize.IBytes(uint64(kept)))
	}
}

// viewsWanted is how many views of an image to draw, and by which steps if they are
// not SimCLR's.
func viewsWanted(flag string) (count int, steps string, err error) {
	const drawn = 8 // of a list of steps
	if flag == "" {
		return 0, "", nil
	}
	if n, err := strconv.Atoi(flag); err == nil {
		if n < 0 {
			return 0, "", misuse("--views %d: must be at least 0", n)
		}
		return n, "", nil
	}
	if _, err := augment.Parse(flag); err != nil {
		return 0, "", misuse("--views: %w", err)
	}
	return drawn, flag, nil
}

// parseViews are the steps that a flag lists, without it the recipe's.
func parseViews(flag string, recipe augment.Config) (augment.Config, error) {
	if strings.TrimSpace(flag) == "" {
		return recipe, nil
	}
	return augment.Parse(flag)
}

func (a *app) printStatistics(split string, st dataset.Statistics) {
	fmt.Fprintf(a.stdout, "%s: %d images, %d classes\n", split, st.Images, len(st.Classes))
	fmt.Fprintf(a.stdout, "  mean %.3f, standard deviation %.3f (red, green, blue; 0 to 1)\n", st.Mean, st.Std)
	sizes := slices.SortedFunc(maps.Keys(st.Sizes), func(x, y string) int { return st.Sizes[y] - st.Sizes[x] })
	for i, size := range sizes {
		if i == 5 {
			fmt.Fprintf(a.stdout, "  ... and %d more sizes\n", len(sizes)-i)
			break
		}
		fmt.Fprintf(a.stdout, "  %s: %d images\n", size, st.Sizes[size])
	}
	for i, class := range slices.Sorted(maps.Keys(st.Classes)) {
		if i == 12 {
			fmt.Fprintf(a.stdout, "  ... and %d more classes\n", len(st.Classes)-i)
			break
		}
		fmt.Fprintf(a.stdout, "  %s: %d images\n", class, st.Classes[class])
	}
}

// viewSheet draws some images, each with views of it in its row.
func viewSheet(d dataset.Dataset, c augment.Config, size, views int, seed uint64) ([]byte, error) {
	pipelines, err := augment.Views(c, size, views)
	if err != nil {
		return nil, err
	}
	const images = 8
	var (
		rows    [][]sheet.Cell
		scratch augment.Scratch
		stream  = rng.New()
		view    = make([]float32, size*size*3)
	)
	for i := range min(images, d.Len()) {
		img, err := d.Image(i)
		if err != nil {
			return nil, err
		}
		row := []sheet.Cell{{Image: img.RGBA(), Caption: cmp.Or(className(d, d.Label(i)), path.Base(d.ID(i)))}}
		for v, p := range pipelines {
			stream.Reset(rng.View, seed, 0, uint64(i), uint64(v))
			p.View(view, img, stream, &scratch)
			row = append(row, sheet.Cell{Image: fromFloats(view, size).RGBA()})
		}
		rows = append(rows, row)
	}
	return sheet.PNG(rows, 96)
}

// fromFloats makes an image of values in [0, 1].
func fromFloats(x []float32, size int) dataset.Image {
	img := dataset.Image{Width: size, Height: size, Pix: make([]uint8, len(x))}
	for i, v := range x {
		img.Pix[i] = uint8(255*v + 0.5)
	}
	return img
}
