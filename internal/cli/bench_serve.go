package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"log/slog"
	"net"
	"net/http"
	runtime "runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/index"
	"alike/internal/rng"
	"alike/serve"
)

// load is what clients ask for, one after another, as fast as they are answered.
type load struct {
	Name    string `json:"name"`
	path    string
	kind    string
	bodies  [][]byte
	Clients int     `json:"clients"`
	Rate    float64 `json:"requests_per_s"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Failed  int     `json:"failed"`
}

func (a *app) benchServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve RUN",
		Short: "Time a server under load: embedding and searching over HTTP",
		Long: `Time a server of this process on loopback: clients embed JPEGs, search by vector
and search by image in a gallery of random vectors, each asking again as soon as
it is answered. Clients and server share the cores.`,
		Example: "  alike bench serve runs/simclr-resnet8\n  alike bench serve runs/simclr-resnet18 --pixels 224 --gallery 100000 --clients 64 --seconds 30 --json",
		Args:    exactly("a RUN"),
	}
	var which modelFlags
	which.add(c)
	pixels := c.Flags().Int("pixels", 0, "side of the JPEGs (default: what the network sees)")
	size := c.Flags().Int("gallery", 100_000, "vectors that are searched")
	clients := c.Flags().Int("clients", 32, "requests at a time")
	seconds := c.Flags().Float64("seconds", 10, "length of each of the three loads")
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if *pixels < 0 || *size < 1 || *clients < 1 || !(*seconds > 0) {
			return misuse("--pixels, --gallery, --clients and --seconds must be above 0")
		}
		model, err := a.model(args[0], which)
		if err != nil {
			return err
		}
		defer model.Close()
		gallery := randomFeatures(*size, model.Dim(), 1)
		gallery.IDs, gallery.Labels = make([]string, *size), nil
		for i := range gallery.IDs {
			gallery.IDs[i] = fmt.Sprint(i)
		}
		x, err := index.New(gallery)
		if err != nil {
			return err
		}
		if *pixels == 0 {
			*pixels = model.Size()
		}
		images, vectors, err := bodies(*pixels, model.Dim())
		if err != nil {
			return err
		}
		before := usedMemory()
		loads := []*load{
			{Name: "embed", path: "/v1/embed", kind: "image/jpeg", bodies: images},
			{Name: "search by vector", path: "/v1/search?k=10", kind: "application/json", bodies: vectors},
			{Name: "search by image", path: "/v1/search?k=10", kind: "image/jpeg", bodies: images},
		}
		err = onLoopback(c.Context(), *clients, model, index.NewStore(x), func(url string) error {
			for _, l := range loads {
				l.Clients = *clients
				if err := l.run(c.Context(), url, time.Duration(*seconds*float64(time.Second))); err != nil {
					return err
				}
				a.say("%s: %.0f requests/s, p50 %.1f ms, p99 %.1f ms, %d failed, %d MiB of memory", l.Name, l.Rate, l.P50, l.P99, l.Failed, usedMemory()>>20)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(map[string]any{"loads": loads, "gallery": *size, "dim": model.Dim(), "pixels": *pixels, "seconds": *seconds,
				"encoder": model.Subject().Encoder, "memory_before": before, "memory_after": usedMemory()})
		}
		fmt.Fprintf(a.stdout, "%s on %d x %d pixels, gallery of %d x %d, %d clients, %g s each; memory %d MiB before, %d MiB after\n",
			model.Subject().Encoder, model.Size(), model.Size(), *size, model.Dim(), *clients, *seconds, before>>20, usedMemory()>>20)
		for _, l := range loads {
			fmt.Fprintf(a.stdout, "  %-16s  %7.0f requests/s   p50 %7.1f ms   p99 %7.1f ms   %d failed\n", l.Name, l.Rate, l.P50, l.P99, l.Failed)
		}
		return nil
	}
	return c
}

// bodies are requests to choose from: JPEGs of a side, and vectors.
func bodies(side, dim int) (images, vectors [][]byte, err error) {
	random := rng.New()
	for i := range 64 {
		random.Reset(rng.View, 1, 0, uint64(i), 0)
		img := dataset.Image{Width: side, Height: side, Pix: make([]uint8, 3*side*side)}
		for p := range img.Pix { // smooth, as photographs are, but for some noise
			x, y := p/3%side, p/3/side
			img.Pix[p] = uint8((x*(i%7+1)+y*(i%5+1))*255/(12*side)) + uint8(random.Float64()*16)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img.RGBA(), &jpeg.Options{Quality: 90}); err != nil {
			return nil, nil, err
		}
		images = append(images, b.Bytes())
		vector, err := json.Marshal(map[string]any{"vector": randomFeatures(1, dim, uint64(i+2)).Data})
		if err != nil {
			return nil, nil, err
		}
		vectors = append(vectors, vector)
	}
	return images, vectors, nil
}

// onLoopback calls f with the URL of a server that lives as long as the call.
func onLoopback(ctx context.Context, clients int, model serve.Model, store *index.Store, f func(url string) error) error {
	c := serve.DefaultConfig()
	c.MaxConcurrent = 2 * clients
	server, err := serve.New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := server.Open(ctx, serve.About{Dim: model.Dim()}, model, store, serve.Journal{}); err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, l) }()
	err = f("http://" + l.Addr().String())
	stop()
	return errors.Join(err, <-ended)
}

// run lets the clients ask for that long.
func (l *load) run(ctx context.Context, url string, length time.Duration) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.Clients}}
	defer client.CloseIdleConnections()
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		times  []time.Duration
		faults error
		start  = time.Now()
	)
	for i := range l.Clients {
		wg.Go(func() {
			var own []time.Duration
			failed := 0
			for n := i; ctx.Err() == nil && time.Since(start) < length; n += 7 {
				asked := time.Now()
				if err := post(ctx, client, url+l.path, l.kind, l.bodies[n%len(l.bodies)]); err != nil {
					failed++
					mu.Lock()
					faults = err
					mu.Unlock()
					continue
				}
				own = append(own, time.Since(asked))
			}
			mu.Lock()
			times, l.Failed = append(times, own...), l.Failed+failed
			mu.Unlock()
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(times) == 0 {
		return fmt.Errorf("%s: no request was answered; the last: %w", l.Name, faults)
	}
	l.Rate = float64(len(times)) / time.Since(start).Seconds()
	slices.Sort(times)
	l.P50, l.P99 = times[len(times)/2].Seconds()*1000, times[len(times)*99/100].Seconds()*1000
	return nil
}

func post(ctx context.Context, client *http.Client, url, kind string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", kind)
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return err
}

// usedMemory is the memory that Go has from the system and has not given back.
func usedMemory() uint64 {
	s := []runtime.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtime.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}
