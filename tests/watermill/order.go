package main

import (
	"encoding/json"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Event holds the envelope fields that consumers rely on. The rest of the payload is none of this check's business.
type Event struct {
	EventID       string `json:"event_id"`
	EventType     string `json:"event_type"`
	CorrelationID string `json:"correlation_id"`
	Subject       string `json:"subject"`
	SubjectUID    string `json:"subject_uid"`
	LogID         string `json:"log_id"`
	Sequence      int64  `json:"sequence"`
	SubjectSeq    int64  `json:"subject_seq"`
}

// Order is what has been seen so far of one stream. Sequences count within one log: a new log begins a new count.
type Order struct {
	logID     string
	sequence  int64
	seen      map[string]bool
	subjects  map[string]int64
	finished  map[string]bool
	Delivered int
}

func NewOrder() *Order {
	return &Order{seen: map[string]bool{}, subjects: map[string]int64{}, finished: map[string]bool{}}
}

// Accept takes the next message, or says why it may not stand there.
func (o *Order) Accept(msg *message.Message) (Event, error) {
	var event Event
	if err := json.Unmarshal(msg.Payload, &event); err != nil {
		return event, fmt.Errorf("message %s: its payload is not the JSON of an event: %w", msg.UUID, err)
	}
	if err := consistent(msg, event); err != nil {
		return event, fmt.Errorf("message %s: %w", msg.UUID, err)
	}
	if err := o.next(event); err != nil {
		return event, fmt.Errorf("event %s (%s of %s): %w", event.EventID, event.EventType, event.Subject, err)
	}
	o.Delivered++
	return event, nil
}

// consistent: the three parts of an entry tell the same story.
func consistent(msg *message.Message, event Event) error {
	switch {
	case event.EventID != msg.UUID:
		return fmt.Errorf("event_id is %q, not the message's UUID", event.EventID)
	case event.EventType == "" || event.SubjectUID == "" || event.LogID == "" || event.Sequence == 0 || event.SubjectSeq == 0:
		return fmt.Errorf("one of event_type, subject_uid, log_id, sequence, subject_seq is missing")
	case msg.Metadata.Get("event_type") != event.EventType:
		return fmt.Errorf("metadata says event_type %q, the payload %q", msg.Metadata.Get("event_type"), event.EventType)
	case msg.Metadata.Get("correlation_id") == "":
		return fmt.Errorf("metadata has no correlation_id")
	case event.CorrelationID != "" && msg.Metadata.Get("correlation_id") != event.CorrelationID:
		return fmt.Errorf("metadata says correlation_id %q, the payload %q", msg.Metadata.Get("correlation_id"), event.CorrelationID)
	}
	return nil
}

// next: exactly once, without a gap in the log, and in order for each subject.
func (o *Order) next(event Event) error {
	if event.LogID != o.logID {
		if o.finished[event.LogID] {
			return fmt.Errorf("log %s goes on after %s had begun", event.LogID, o.logID)
		}
		o.finished[o.logID] = true
		// A log may begin anywhere: the oldest entries of a stream are trimmed.
		o.logID, o.sequence = event.LogID, event.Sequence-1
		o.seen, o.subjects = map[string]bool{}, map[string]int64{}
	}
	if o.seen[event.EventID] {
		return fmt.Errorf("came a second time")
	}
	if event.Sequence != o.sequence+1 {
		return fmt.Errorf("sequence %d follows %d", event.Sequence, o.sequence)
	}
	if last := o.subjects[event.SubjectUID]; event.SubjectSeq <= last {
		return fmt.Errorf("subject_seq %d follows %d", event.SubjectSeq, last)
	}
	o.seen[event.EventID], o.sequence, o.subjects[event.SubjectUID] = true, event.Sequence, event.SubjectSeq
	return nil
}
