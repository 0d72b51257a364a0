// Command watermill is a foreign consumer: it reads metawsm's event stream with Watermill's own subscriber, as a program
// of our users would, and checks that every message is readable, consistent and in order. It may not know anything about
// the stream but the published envelope, and may not write to it: of Redis it changes only its own consumer group.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// Settings say what to read and how long.
type Settings struct {
	URL      string
	Stream   string
	Count    int
	Deadline time.Duration
}

func main() {
	var settings Settings
	var prefix, stream string
	flag.StringVar(&settings.URL, "redis", os.Getenv("METAWSM_REDIS_URL"), "address of Redis, redis://host:port")
	flag.StringVar(&prefix, "prefix", os.Getenv("METAWSM_REDIS_PREFIX"), "what stands before all names of streams")
	flag.StringVar(&stream, "stream", "metawsm.events", "the stream to read")
	flag.IntVar(&settings.Count, "count", 0, "how many events to read (default: as many as are there at the start)")
	flag.DurationVar(&settings.Deadline, "deadline", 30*time.Second, "how long to wait for them")
	flag.Parse()
	settings.Stream = prefix + stream

	delivered, err := Check(context.Background(), settings, os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "watermill: after %d events: %v\n", delivered, err)
		os.Exit(1)
	}
	fmt.Printf("%d events in order\n", delivered)
}

// refusals is Watermill's default marshaller, except that it passes on why a message was refused: the subscriber only
// logs it and closes the channel.
type refusals struct {
	redisstream.DefaultMarshallerUnmarshaller
	reasons chan error
}

func (r refusals) Unmarshal(values map[string]any) (*message.Message, error) {
	msg, err := r.DefaultMarshallerUnmarshaller.Unmarshal(values)
	if err != nil {
		select {
		case r.reasons <- err:
		default: // the first one is told
		}
	}
	return msg, err
}

// Check reads the stream from its beginning and returns how many events stood in order.
func Check(ctx context.Context, settings Settings, lines io.Writer) (int, error) {
	options, err := redis.ParseURL(settings.URL)
	if err != nil {
		return 0, fmt.Errorf("-redis %q: %w", settings.URL, err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	if settings.Count == 0 {
		length, err := client.XLen(ctx, settings.Stream).Result()
		if err != nil {
			return 0, fmt.Errorf("length of stream %q: %w", settings.Stream, err)
		}
		if settings.Count = int(length); length == 0 {
			return 0, fmt.Errorf("stream %q is empty", settings.Stream)
		}
	}
	// A group of its own for each run: of a shared one, Watermill may have read further than was acknowledged.
	group := "watermill-check-" + watermill.NewShortUUID()
	defer client.XGroupDestroy(context.WithoutCancel(ctx), settings.Stream, group)
	return read(ctx, settings, group, redis.NewClient(options), lines)
}

// read owns the client: Watermill's subscriber closes it.
func read(ctx context.Context, settings Settings, group string, client *redis.Client, lines io.Writer) (int, error) {
	refused := refusals{reasons: make(chan error, 1)}
	subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client:                        client,
		Unmarshaller:                  refused,
		ConsumerGroup:                 group,
		OldestId:                      "0",
		DisableIndefiniteInitialBlock: true, // or closing it would wait for a message that never comes
	}, watermill.NopLogger{})
	if err != nil {
		return 0, err
	}
	defer subscriber.Close()
	messages, err := subscriber.Subscribe(ctx, settings.Stream)
	if err != nil {
		return 0, fmt.Errorf("subscribe to %q: %w", settings.Stream, err)
	}

	order := NewOrder()
	expired := time.After(settings.Deadline)
	for order.Delivered < settings.Count {
		select {
		case msg, open := <-messages:
			if !open {
				select {
				case reason := <-refused.reasons:
					return order.Delivered, fmt.Errorf("Watermill's default marshaller refused a message: %w", reason)
				default:
					return order.Delivered, errors.New("the subscription ended")
				}
			}
			event, err := order.Accept(msg)
			if err != nil {
				return order.Delivered, err
			}
			msg.Ack()
			fmt.Fprintf(lines, "%6d  %-28s %s #%d\n", event.Sequence, event.EventType, event.Subject, event.SubjectSeq)
		case <-expired:
			return order.Delivered, fmt.Errorf("%d events were expected within %s", settings.Count, settings.Deadline)
		}
	}
	return order.Delivered, nil
}
