#!/usr/bin/env bash
# Fills a Weaviate cluster of three nodes, on this machine, one of which is killed in the middle, and
# shows that nothing is lost:
#
#	bench/weaviate.sh photos.index
#
# WEAVIATE is the path of weaviate-server, which
# 'go install github.com/weaviate/weaviate/cmd/weaviate-server@v1.35.2' builds;
# ALIKE is that of alike. Each object has three replicas, and a write is acknowledged
# by two of them. Then each of the nodes is away in turn, and every object is read back, as two
# replicas have it, and compared.
set -euo pipefail
index=${1:?usage: bench/weaviate.sh INDEX}
server=${WEAVIATE:-$(command -v weaviate-server)}
alike=${ALIKE:-$(command -v alike)}
first=${PORT:-19100} # of 40 ports
dir=$(mktemp -d)
declare -a pids=()

finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap finish EXIT

say() { printf '%6.1fs  %s\n' "$(echo "$(date +%s.%N) - $began" | bc)" "$*"; }
began=$(date +%s.%N)

port() { echo $((first + 10 * $1 + $2)); } # of node 1 to 3: 0 HTTP, 1 gossip, 2 data, 3 and 4 Raft, 5 gRPC, 6 profiling

start() {
  local n=$1 join=()
  [ "$n" = 1 ] && [ ! -e "$dir/1" ] || join=("CLUSTER_JOIN=127.0.0.1:$(port $((n == 1 ? 2 : 1)) 1)")
  mkdir -p "$dir/$n"
  env "${join[@]}" CLUSTER_IN_LOCALHOST=true CLUSTER_HOSTNAME="node$n" CLUSTER_BIND_ADDR=127.0.0.1 CLUSTER_ADVERTISE_ADDR=127.0.0.1 \
    CLUSTER_GOSSIP_BIND_PORT="$(port "$n" 1)" CLUSTER_DATA_BIND_PORT="$(port "$n" 2)" \
    RAFT_PORT="$(port "$n" 3)" RAFT_INTERNAL_RPC_PORT="$(port "$n" 4)" RAFT_BOOTSTRAP_EXPECT=3 \
    RAFT_JOIN="node1:$(port 1 3),node2:$(port 2 3),node3:$(port 3 3)" \
    GRPC_PORT="$(port "$n" 5)" GO_PROFILING_PORT="$(port "$n" 6)" PERSISTENCE_DATA_PATH="$dir/$n" \
    AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED=true DISABLE_TELEMETRY=true LOG_LEVEL=warning \
    "$server" --host 127.0.0.1 --port "$(port "$n" 0)" --scheme http >>"$dir/$n.log" 2>&1 &
  pids[n]=$!
}

ready() {
  for _ in $(seq 300); do
    curl -sf "http://127.0.0.1:$(port "$1" 0)/v1/.well-known/ready" >/dev/null && return
    sleep 0.2
  done
  echo "node $1 is not ready:" && tail -n 20 "$dir/$1.log" && exit 1
}

stop() { kill -9 "${pids[$1]}" && wait "${pids[$1]}" 2>/dev/null || true; }

all="weaviate://127.0.0.1:$(port 1 0),127.0.0.1:$(port 2 0),127.0.0.1:$(port 3 0)/Cluster"
count() { "$alike" index info --json "$1" 2>/dev/null | sed -n 's/^ *"count": \([0-9]*\),*/\1/p' | head -n 1; }

start 1
until (: <"/dev/tcp/127.0.0.1/$(port 1 1)") 2>/dev/null; do sleep 0.1; done # the others join it
start 2
start 3
for n in 1 2 3; do ready $n; done
say "three nodes are ready"

"$alike" index push "$index" "$all" --replicas 3 >"$dir/push" 2>&1 &
push=$!
until [ "$(count "$all")" -gt "${KILL_AT:-2000}" ] 2>/dev/null; do
  kill -0 $push 2>/dev/null || { cat "$dir/push"; echo "the load ended before a node was killed"; exit 1; }
  sleep 0.1
done
stop 1
say "node 1, which the load talks to, is killed by kill -9 at about $(count "${all/127.0.0.1:$(port 1 0),/}") objects"
wait $push || { cat "$dir/push"; exit 1; }
say "the load has ended: $(tail -n 1 "$dir/push")"
say "node 1 away: $("$alike" index push "$index" "$all" --check 2>/dev/null)"

start 1
ready 1
say "node 1 is back"
for away in 2 3; do
  stop $away
  say "node $away away: $("$alike" index push "$index" "$all" --check 2>/dev/null)"
  start $away
  ready $away
  say "node $away is back"
done
say "all there: $("$alike" index push "$index" "$all" --check 2>/dev/null)"
say "loaded again: $("$alike" index push "$index" "$all" 2>/dev/null)"
