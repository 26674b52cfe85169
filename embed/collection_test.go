package embed

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alike/dataset"
	"alike/index"
	"alike/index/weaviate/weaviatetest"
)

// collect embeds into a collection of a server, with the working directory of the test.
func collect(t *testing.T, f *fake, data dataset.Dataset, out string, edit ...func(*Job)) Result {
	t.Helper()
	return run(t, f, data, out, append([]func(*Job){func(j *Job) { j.About.Normalized = true }}, edit...)...)
}

// stands checks that a collection holds the vectors of the images.
func stands(t *testing.T, server *weaviatetest.Fake, data *dataset.Memory) {
	t.Helper()
	got := server.Vectors("Photos")
	if len(got) != data.Len() {
		t.Errorf("%d objects, want %d", len(got), data.Len())
	}
	err := (&fake{}).each(t.Context(), data, func(i int, v []float32, _ error) error {
		if err := index.Normalize(v); err != nil {
			return err
		}
		if !slices.Equal(got[data.ID(i)], v) {
			return fmt.Errorf("%s has the vector %v, want %v", data.ID(i), got[data.ID(i)], v)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestACollectionHoldsTheData changes the data under a collection.
func TestACollectionHoldsTheData(t *testing.T) {
	t.Chdir(t.TempDir())
	server := weaviatetest.NewFake(t)
	out := "weaviate://" + server.Host() + "/Photos"
	data := images(600)
	f := &fake{}
	if r := collect(t, f, data, out); r.Images != 600 || f.calls != 600 || !r.Written || r.Former {
		t.Errorf("%+v after %d calls", r, f.calls)
	}
	stands(t, server, data)
	if r := collect(t, f, data, out); f.calls != 600 || r.Written || r.Unchanged != 600 || !r.Former {
		t.Errorf("again: %+v after %d calls", r, f.calls)
	}

	data.IDs[5] = "moved"
	data.Images[7].Pix = []uint8{9, 9, 9, 9, 9, 9}
	data.Images, data.IDs, data.Labels = data.Images[:590], data.IDs[:590], data.Labels[:590]
	f.calls, server.Written = 0, 0
	r := collect(t, f, data, out)
	if f.calls != 1 || server.Written != 2 || fmt.Sprint(r.Added, r.Changed, len(r.Vanished)) != "[moved] [00007] 11" {
		t.Errorf("%+v after %d calls, %d objects written", r, f.calls, server.Written)
	}
	stands(t, server, data)

	for what, edit := range map[string]func(*Job){
		"weights other, not w":         func(j *Job) { j.About.Model.WeightsSHA256 = "other" },
		"number of values 7, not 6":    func(j *Job) { j.About.Dim = 7 },
		"want weaviate://HOST:PORT/Co": func(j *Job) { j.Out = "weaviate://localhost/Photos" },
	} {
		j := Job{Data: data, About: about("w", true), Each: f.each, Out: out}
		edit(&j)
		if _, err := j.Run(t.Context()); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	stands(t, server, data)
}

// TestShardsFillOneCollection embeds parts, each of which leaves the others alone.
func TestShardsFillOneCollection(t *testing.T) {
	t.Chdir(t.TempDir())
	server := weaviatetest.NewFake(t)
	data := images(500)
	for range 2 {
		for n := 1; n <= 3; n++ {
			collect(t, &fake{}, data, "weaviate://"+server.Host()+"/Photos", func(j *Job) { j.Shard = Shard{n, 3} })
		}
	}
	stands(t, server, data)
	if server.Written != 500 {
		t.Errorf("%d objects were written, want each once", server.Written)
	}
}

// TestKilledJobsFillACollection kills a job again and again, while it embeds and while it writes.
func TestKilledJobsFillACollection(t *testing.T) {
	dir := t.TempDir()
	server := weaviatetest.NewFake(t, func(f *weaviatetest.Fake) {
		f.Fail = func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v1/batch/objects" {
				time.Sleep(200 * time.Millisecond)
			}
			return false
		}
	})
	kills := 0
	for {
		cmd := exec.Command(os.Args[0])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "ALIKE_TEST_EMBED=weaviate://"+server.Host()+"/Photos", "ALIKE_TEST_NOTE="+filepath.Join(dir, "note"))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Duration(150+67*kills) * time.Millisecond):
			if cmd.Process.Kill() == nil {
				kills++
			}
			<-ended
			continue
		}
		break
	}
	note, err := os.Stat(filepath.Join(dir, "note"))
	if err != nil {
		t.Fatal(err)
	}
	if n := int(note.Size()); n < killed || n > killed+kills*perBatch {
		t.Errorf("%d images passed the network in %d kills, want %d and at most %d for each kill", n, kills, killed, perBatch)
	}
	if kills == 0 {
		t.Error("the job was never killed")
	}
	stands(t, server, images(killed))
	t.Logf("%d kills, %d images embedded, %d objects written", kills, note.Size(), server.Written)
}
