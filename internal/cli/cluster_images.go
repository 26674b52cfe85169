package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"alike/eval"
	"alike/internal/atomicfile"
	"alike/internal/sheet"
	"alike/tidy"
)

func (a *app) cluster() *cobra.Command {
	c := &cobra.Command{
		Use:   "cluster INDEX | RUN | MODEL.onnx",
		Short: "Sort images into clusters, with a contact sheet of each",
		Long: `Sort images into clusters by their embeddings: by k-means into --k of them, or with
--density into as many as lie densely (DBSCAN), where images that lie apart are in none.
--sheets draws a contact sheet of each cluster, the most typical images first. Where
images have classes, the most common of each cluster is named. ('alike eval cluster'
measures how well clusters and classes agree.)`,
		Example: "  alike cluster photos.index --k 20 --sheets sheets/ --out clusters.tsv\n  alike cluster photos.index --density --min-points 10\n  alike cluster runs/simclr-resnet8 --data photos/ --k 8 --json",
		Args:    exactly("an INDEX or a RUN"),
	}
	var g galleryFlags
	g.add(c)
	k := c.Flags().Int("k", 0, "clusters of k-means (default: the root of half the number of images)")
	seed := c.Flags().Uint64("seed", 1, "seed of k-means")
	density := c.Flags().Bool("density", false, "find clusters by density, however many there are")
	similarity := c.Flags().Float64("similarity", 0, "with --density: cosine within reach (default: so that half of the images have --min-points in reach)")
	minPoints := c.Flags().Int("min-points", 5, "with --density: images in reach, itself among them, that make one a core of a cluster")
	out := c.Flags().String("out", "", "file of the clusters, tab-separated: cluster, image, similarity to the centre")
	sheets := c.Flags().String("sheets", "", "folder for a contact sheet of each cluster")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case *k < 0:
			return misuse("--k %d: must be at least 1", *k)
		case *density && *k > 0:
			return misuse("--k and --density exclude each other: density finds how many clusters there are")
		case *minPoints < 2:
			return misuse("--min-points %d: must be at least 2", *minPoints)
		case !(*similarity > -1 && *similarity <= 1):
			return misuse("--similarity %g: must be a cosine, above -1 and at most 1", *similarity)
		}
		gallery, err := a.gallery(c.Context(), args[0], g)
		if err != nil {
			return err
		}
		defer gallery.close()
		f := gallery.index.Features()
		var of []int
		if *density {
			if !c.Flags().Changed("similarity") {
				if *similarity, err = a.reach(c.Context(), f, *minPoints); err != nil {
					return err
				}
			}
			of, _, err = tidy.DBSCAN(c.Context(), f, float32(*similarity), *minPoints)
		} else {
			of, err = a.byMeans(c.Context(), f, *k, *seed)
		}
		if err != nil {
			return err
		}
		clusters, apart := clustersOf(gallery, f, of)
		if *out != "" {
			if err := atomicfile.WriteAll(atomicfile.File{Path: *out, Write: func(w io.Writer) error { return writeClusters(w, clusters, apart) }}); err != nil {
				return err
			}
			a.say("the clusters are in %s", *out)
		}
		if *sheets != "" {
			if err := gallery.drawClusters(*sheets, clusters); err != nil {
				return err
			}
			a.say("the contact sheets are in %s", *sheets)
		}
		if *asJSON {
			return a.printJSON(map[string]any{"images": f.N, "clusters": clusters, "apart": append([]string{}, apart...)})
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "cluster\timages\tsimilarity\tmost common class\tmost typical image")
		for _, c := range clusters {
			fmt.Fprintf(w, "%d\t%d\t%.3f\t%s\t%s\n", c.Cluster, len(c.Images), c.Similarity, c.common(), c.Images[0].ID)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if *density {
			fmt.Fprintf(a.stdout, "%d of %d images are in no cluster\n", len(apart), f.N)
		}
		return nil
	}
	return c
}

func (a *app) byMeans(ctx context.Context, f *eval.Features, k int, seed uint64) ([]int, error) {
	if k == 0 {
		k = max(1, int(math.Sqrt(float64(f.N)/2)))
		a.say("%d clusters (--k sets it)", k)
	}
	m := eval.KMeans{Clusters: k, Restarts: 3, MaxIterations: 100, Seed: seed}
	all, err := m.Run(ctx, f)
	if err != nil {
		return nil, err
	}
	return all[0].Of, nil
}

// reach is the similarity within reach where none is asked for.
func (a *app) reach(ctx context.Context, f *eval.Features, minPoints int) (float64, error) {
	similarity, err := tidy.Reach(ctx, f, minPoints)
	if err == nil {
		a.say("images of similarity %.3f are within reach (--similarity sets it)", similarity)
	}
	return float64(similarity), err
}

// imageCluster is a cluster by the images' names, the most typical first.
type imageCluster struct {
	Cluster    int            `json:"cluster"`
	Similarity float64        `json:"similarity"` // mean, of the images to their centre
	Classes    map[string]int `json:"classes,omitempty"`
	Images     []imageCopy    `json:"images"` // with their similarity to the centre
}

// clustersOf are the clusters, the largest first, and the images of none.
func clustersOf(g *gallery, f *eval.Features, of []int) (clusters []imageCluster, apart []string) {
	members := map[int][]int{}
	for row, c := range of {
		if c < 0 {
			apart = append(apart, g.index.Entry(row).ID)
			continue
		}
		members[c] = append(members[c], row)
	}
	clusters = []imageCluster{}
	for _, rows := range members {
		centre := make([]float64, f.D)
		for _, row := range rows {
			for k, v := range f.Row(row) {
				centre[k] += float64(v)
			}
		}
		c := imageCluster{Classes: map[string]int{}}
		for _, row := range rows {
			s := cosineOf(centre, f.Row(row))
			c.Images = append(c.Images, imageCopy{g.index.Entry(row).ID, float32(s)})
			c.Similarity += s / float64(len(rows))
			if class := g.index.Entry(row).Class; class != "" {
				c.Classes[class]++
			}
		}
		slices.SortStableFunc(c.Images, func(a, b imageCopy) int { return cmp.Compare(b.Similarity, a.Similarity) })
		clusters = append(clusters, c)
	}
	slices.SortFunc(clusters, func(a, b imageCluster) int {
		return cmp.Or(len(b.Images)-len(a.Images), cmp.Compare(a.Images[0].ID, b.Images[0].ID))
	})
	for i := range clusters {
		clusters[i].Cluster = i + 1
	}
	return clusters, apart
}

// cosineOf is the cosine of two vectors, 0 where one has no length.
func cosineOf(a []float64, b []float32) float64 {
	var ab, aa, bb float64
	for k, x := range a {
		y := float64(b[k])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// common is the most common class with its share; the first by name of equals.
func (c imageCluster) common() string {
	best := ""
	for class, n := range c.Classes {
		if best == "" || n > c.Classes[best] || n == c.Classes[best] && class < best {
			best = class
		}
	}
	if best == "" {
		return "-"
	}
	return fmt.Sprintf("%s, %.0f %%", best, 100*float64(c.Classes[best])/float64(len(c.Images)))
}

func writeClusters(w io.Writer, clusters []imageCluster, apart []string) error {
	to := bufio.NewWriter(w)
	fmt.Fprintln(to, "cluster\timage\tsimilarity")
	for _, c := range clusters {
		for _, img := range c.Images {
			fmt.Fprintf(to, "%d\t%s\t%.4f\n", c.Cluster, img.ID, img.Similarity)
		}
	}
	for _, id := range apart {
		fmt.Fprintf(to, "-\t%s\t\n", id)
	}
	return to.Flush()
}

// drawClusters draws a sheet of up to 60 images of each cluster.
func (g *gallery) drawClusters(dir string, clusters []imageCluster) error {
	const most, wide = 60, 10
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range clusters {
		var rows [][]sheet.Cell
		for line := range slices.Chunk(c.Images[:min(most, len(c.Images))], wide) {
			var row []sheet.Cell
			for _, member := range line {
				img, err := g.image(member.ID)
				if err != nil {
					return err
				}
				row = append(row, sheet.Cell{Image: img, Caption: fmt.Sprintf("%.3f", member.Similarity)})
			}
			rows = append(rows, row)
		}
		if err := writeSheet(filepath.Join(dir, fmt.Sprintf("cluster-%03d.png", c.Cluster)), rows); err != nil {
			return err
		}
	}
	return nil
}
