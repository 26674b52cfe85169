package serve

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what Prometheus reads.
type metrics struct {
	registry *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	items    *prometheus.HistogramVec
	work     *prometheus.HistogramVec
}

func newMetrics() *metrics {
	latency := []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "alike_requests_in_flight", Help: "Requests that are being answered."}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "alike_requests_total", Help: "Requests, by route and status."}, []string{"route", "method", "status"}),
		seconds:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "alike_request_seconds", Help: "Time to answer a request.", Buckets: latency}, []string{"route"}),
		items:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "alike_batch_items", Help: "Images, searches or writes that ran together.", Buckets: prometheus.ExponentialBuckets(1, 2, 9)}, []string{"work"}),
		work:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "alike_batch_seconds", Help: "Time of a batch.", Buckets: latency}, []string{"work"}),
	}
	m.registry.MustRegister(m.inFlight, m.requests, m.seconds, m.items, m.work,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// gauges adds what a service holds.
func (m *metrics) gauges(v *service) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "alike_index_images", Help: "Images in the gallery."}, func() float64 { return float64(v.store.Len()) }))
	if v.journal != nil {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "alike_journal_bytes", Help: "Size of the journal."}, func() float64 { return float64(v.journal.bytes.Load()) }))
	}
}

// batch observes the batches of one kind of work.
func (m *metrics) batch(work string) func(int, time.Duration) {
	items, seconds := m.items.WithLabelValues(work), m.work.WithLabelValues(work)
	return func(n int, took time.Duration) {
		items.Observe(float64(n))
		seconds.Observe(took.Seconds())
	}
}

// methods are those that are counted by name: a client may invent others.
var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}

func (m *metrics) request(route, method string, status int, took time.Duration) {
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

func (m *metrics) serve(w http.ResponseWriter, r *http.Request) error {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}
