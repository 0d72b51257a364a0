package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/redis/go-redis/v9"
	"github.com/vmihailenco/msgpack"
)

// entry is one line of a stream as the relay writes it, by hand and not by Watermill: nothing of the reader's side here.
type entry map[string]any

func event(sequence, subjectSeq int64, subject string) entry {
	id := fmt.Sprintf("%s-%d", subject, subjectSeq)
	return written(id, fmt.Sprintf(`{"event_id":%q,"event_type":"run.phase.changed","correlation_id":"c-1","subject":"demo/%s",`+
		`"subject_uid":"uid-%s","log_id":"log-1","sequence":%d,"subject_seq":%d,"data":{}}`, id, subject, subject, sequence, subjectSeq))
}

func written(id, payload string) entry {
	metadata, err := msgpack.Marshal(map[string]string{"event_type": "run.phase.changed", "correlation_id": "c-1"})
	if err != nil {
		panic(err)
	}
	return entry{"_watermill_message_uuid": id, "metadata": metadata, "payload": payload}
}

func (e entry) with(field string, value any) entry {
	e[field] = value
	return e
}

func (e entry) without(field string) entry {
	delete(e, field)
	return e
}

func (e entry) replacing(old, new string) entry {
	return e.with("payload", strings.Replace(e["payload"].(string), old, new, 1))
}

func metadata(values map[string]string) []byte {
	packed, err := msgpack.Marshal(values)
	if err != nil {
		panic(err)
	}
	return packed
}

func TestAStreamIsJudgedAsAForeignConsumerSeesIt(t *testing.T) {
	url := startRedis(t)
	good := func() []entry {
		return []entry{event(7, 1, "a"), event(8, 1, "b"), event(9, 2, "a"), event(10, 5, "b")}
	}
	swap := func(entries []entry, i, j int) []entry {
		entries[i], entries[j] = entries[j], entries[i]
		return entries
	}
	cases := map[string]struct {
		entries []entry
		count   int
		refusal string // empty: accepted
	}{
		"in order, trimmed at its beginning":   {entries: good()},
		"a new log begins a new count":         {entries: append(good(), event(1, 1, "a").replacing("log-1", "log-2"))},
		"a gap":                                {entries: append(good(), event(12, 6, "b")), refusal: "sequence 12 follows 10"},
		"a duplicate":                          {entries: append(good(), event(10, 5, "b")), refusal: "came a second time"},
		"two swapped":                          {entries: swap(good(), 1, 2), refusal: "sequence 9 follows 7"},
		"a subject out of order":               {entries: append(good(), event(11, 4, "b")), refusal: "subject_seq 4 follows 5"},
		"an old log goes on":                   {entries: append(good(), event(1, 1, "a").replacing("log-1", "log-2"), event(11, 3, "a")), refusal: "goes on after"},
		"no UUID":                              {entries: append(good(), event(11, 3, "a").without("_watermill_message_uuid")), refusal: "_watermill_message_uuid key is missing"},
		"metadata that is no msgpack map":      {entries: append(good(), event(11, 3, "a").with("metadata", `{"event_type":"x"}`)), refusal: "unmarshal metadata fail"},
		"no metadata":                          {entries: append(good(), event(11, 3, "a").without("metadata")), refusal: `metadata says event_type ""`},
		"no correlation":                       {entries: append(good(), event(11, 3, "a").with("metadata", metadata(map[string]string{"event_type": "run.phase.changed"}))), refusal: "no correlation_id"},
		"another correlation":                  {entries: append(good(), event(11, 3, "a").replacing("c-1", "c-2")), refusal: `the payload "c-2"`},
		"another type in metadata and payload": {entries: append(good(), event(11, 3, "a").replacing("run.phase", "run.docs")), refusal: "metadata says event_type"},
		"another id in UUID and payload":       {entries: append(good(), event(11, 3, "a").with("_watermill_message_uuid", "other")), refusal: "not the message's UUID"},
		"a payload that is no JSON":            {entries: append(good(), written("x", "hello")), refusal: "not the JSON of an event"},
		"a payload without an envelope":        {entries: append(good(), written("x", `{"event_id":"x"}`)), refusal: "is missing"},
		"fewer than expected":                  {entries: good(), count: 5, refusal: "5 events were expected"},
		"nothing":                              {refusal: "is empty"},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := Settings{URL: url, Stream: "test." + watermill.NewShortUUID(), Count: one.count, Deadline: 5 * time.Second}
			if one.count > len(one.entries) {
				settings.Deadline = 500 * time.Millisecond
			}
			add(t, url, settings.Stream, one.entries)
			var lines bytes.Buffer
			delivered, err := Check(context.Background(), settings, &lines)
			if one.refusal == "" {
				if err != nil || delivered != len(one.entries) || strings.Count(lines.String(), "\n") != delivered {
					t.Fatalf("%d of %d events, error %v, lines:\n%s", delivered, len(one.entries), err, &lines)
				}
			} else if err == nil || !strings.Contains(err.Error(), one.refusal) {
				t.Fatalf("expected %q, got %v after %d events", one.refusal, err, delivered)
			}
		})
	}
}

func TestNothingIsLeftInRedisBehindACheck(t *testing.T) {
	url := startRedis(t)
	add(t, url, "events", []entry{event(1, 1, "a"), event(2, 1, "b")})
	client := connect(t, url)
	if _, err := Check(context.Background(), Settings{URL: url, Stream: "events", Deadline: 5 * time.Second}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if groups, err := client.XInfoGroups(context.Background(), "events").Result(); err != nil || len(groups) != 0 {
		t.Fatalf("groups left: %v, error %v", groups, err)
	}
}

func add(t *testing.T, url, stream string, entries []entry) {
	t.Helper()
	client := connect(t, url)
	for _, one := range entries {
		if err := client.XAdd(context.Background(), &redis.XAddArgs{Stream: stream, Values: map[string]any(one)}).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func connect(t *testing.T, url string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// startRedis runs a real Redis for one test: a stand-in would prove nothing about streams.
func startRedis(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	server := exec.Command("redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatalf("redis-server is needed, tests/control-plane/ensure-tools installs it: %v", err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	url := fmt.Sprintf("redis://127.0.0.1:%d", port)
	client := connect(t, url)
	for deadline := time.Now().Add(10 * time.Second); client.Ping(context.Background()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server did not answer within 10 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return url
}
