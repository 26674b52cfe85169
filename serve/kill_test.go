package serve

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alike/eval"
	"alike/index"
)

// serverOf is the environment variable that makes the test's program a server with
// that journal.
const serverOf = "ALIKE_TEST_JOURNAL"

func TestMain(m *testing.M) {
	if path := os.Getenv(serverOf); path != "" {
		if err := serveJournal(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveJournal serves until it is killed, and prints its address when it is ready.
func serveJournal(path string) error {
	c := DefaultConfig()
	s, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	base, err := index.New(&eval.Features{N: 1, D: 6, Data: vectorOf(255, 0, 0), IDs: []string{"base"}})
	if err != nil {
		return err
	}
	if _, err := s.Open(context.Background(), about, &colours{}, index.NewStore(base), Journal{Path: path, Slack: 2 << 10}); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return s.Run(context.Background(), l)
}

// process starts a server process and returns its URL.
func process(t *testing.T, journal string) (*exec.Cmd, string) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), serverOf+"="+journal)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.Wait()
		t.Fatalf("the server did not start: %s", errs.String())
	}
	return c, "http://" + strings.TrimSpace(addr)
}

// send asks and returns the status, 0 if there was no answer.
func send(client *http.Client, method, url, body string) int {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// A server that is killed at any moment has every write that it acknowledged, and
// of those that were under way each wholly or not at all.
func TestKillLosesNoAcknowledgedWrite(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	journal := filepath.Join(t.TempDir(), "journal")
	const writers, names = 4, 40 // each writer has names of its own, so that its order is known
	type state struct{ there, unsure bool }
	known := make([]map[string]state, writers)
	for i := range known {
		known[i] = map[string]state{}
	}
	acknowledged := 0
	r := rand.New(rand.NewPCG(7, 7))
	for kill := range kills {
		server, url := process(t, journal)
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
		for w := range known { // what the one before it promised
			for id, s := range known[w] {
				status := send(client, "GET", url+"/v1/neighbours?id="+id, "")
				if !s.unsure && (status == 200) != s.there || status != 200 && status != 404 {
					t.Fatalf("kill %d: %s is there: %v, want %v (status %d)", kill, id, status == 200, s.there, status)
				}
				known[w][id] = state{there: status == 200}
			}
		}
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			done = 0
		)
		for w := range writers {
			choice := rand.New(rand.NewPCG(uint64(kill), uint64(w)))
			wg.Go(func() {
				for n := 0; ; n++ {
					id := fmt.Sprintf("w%d/%d", w, choice.IntN(names))
					put := choice.IntN(3) > 0 || !known[w][id].there
					status := 0
					if put {
						status = send(client, "PUT", url+"/v1/images?id="+id, fmt.Sprintf(`{"vector":[%d,1,1,1,1,%d]}`, w+1, n))
					} else {
						status = send(client, "DELETE", url+"/v1/images?id="+id, "")
					}
					if status != 200 && status != 201 {
						known[w][id] = state{known[w][id].there, true}
						return
					}
					known[w][id] = state{there: put}
					mu.Lock()
					done++
					mu.Unlock()
				}
			})
		}
		enough := func(n int) bool {
			mu.Lock()
			defer mu.Unlock()
			return done >= n
		}
		for target, start := 10+r.IntN(60), time.Now(); !enough(target) && time.Since(start) < 20*time.Second; {
			time.Sleep(time.Duration(r.IntN(500)) * time.Microsecond)
		}
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		server.Wait()
		wg.Wait()
		client.CloseIdleConnections()
		acknowledged += done
	}
	if acknowledged < 10*kills {
		t.Errorf("only %d writes were acknowledged before %d kills: the test shows little", acknowledged, kills)
	}
	t.Logf("%d kills, %d acknowledged writes", kills, acknowledged)
}
