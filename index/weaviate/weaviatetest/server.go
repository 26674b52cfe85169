package weaviatetest

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Variable is the environment variable with the path of weaviate-server; tests that need it are
// skipped without. 'go install github.com/weaviate/weaviate/cmd/weaviate-server@v1.35.2' builds it.
const Variable = "ALIKE_WEAVIATE"

// Server is a Weaviate server of one node with a folder of its own.
type Server struct {
	Host  string
	Token string // demanded if it is set before Start
	ports []int
	dir   string
	cmd   *exec.Cmd
	log   bytes.Buffer
}

// NewServer returns a server that is not started.
func NewServer(t testing.TB) *Server {
	if os.Getenv(Variable) == "" {
		t.Skip("no " + Variable + ": it is the path of weaviate-server")
	}
	s := &Server{dir: t.TempDir()}
	var held []net.Listener
	for range 7 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
		s.ports = append(s.ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range held {
		l.Close()
	}
	s.Host = fmt.Sprintf("127.0.0.1:%d", s.ports[0])
	t.Cleanup(s.Kill)
	return s
}

// Start starts the server and waits until it is ready.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(os.Getenv(Variable), "--host", "127.0.0.1", "--port", fmt.Sprint(s.ports[0]), "--scheme", "http")
	env := []string{
		"PERSISTENCE_DATA_PATH=" + s.dir, "DISABLE_TELEMETRY=true", "LOG_LEVEL=error",
		"CLUSTER_HOSTNAME=node1", "CLUSTER_BIND_ADDR=127.0.0.1", "CLUSTER_ADVERTISE_ADDR=127.0.0.1", "RAFT_BOOTSTRAP_EXPECT=1",
	}
	for i, name := range []string{"CLUSTER_GOSSIP_BIND_PORT", "CLUSTER_DATA_BIND_PORT", "RAFT_PORT", "RAFT_INTERNAL_RPC_PORT", "GRPC_PORT", "GO_PROFILING_PORT"} {
		env = append(env, fmt.Sprintf("%s=%d", name, s.ports[i+1]))
	}
	if s.Token == "" {
		env = append(env, "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED=true")
	} else {
		env = append(env, "AUTHENTICATION_APIKEY_ENABLED=true", "AUTHENTICATION_APIKEY_ALLOWED_KEYS="+s.Token, "AUTHENTICATION_APIKEY_USERS=alike", "AUTHORIZATION_ADMINLIST_ENABLED=true", "AUTHORIZATION_ADMINLIST_USERS=alike")
	}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get("http://" + s.Host + "/v1/.well-known/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
	}
	s.Kill()
	t.Fatalf("the server is not ready: %s", s.log.Bytes())
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.cmd = nil
	}
}
