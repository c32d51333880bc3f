package app

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A process that needs less than neededSmall stays within smallMemory, in bytes, beside the pages of its binary. That is
// what ten thousand idle connections come to.
const (
	smallMemory = 228 << 20
	neededSmall = smallMemory - 12<<20 // less room than that costs more than it saves
)

// keepSmall has the collector work more often near smallMemory, until ctx ends: by itself it waits until the heap has
// doubled. A process that needs more is left to it. An operator who has set GOMEMLIMIT or GOGC knows better.
func keepSmall(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
	}
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for was := int64(math.MaxInt64); ; {
		metrics.Read(samples)
		value := func(i int) uint64 { return samples[i].Value.Uint64() }
		limit := int64(smallMemory)
		if needed := value(0) + value(1) - value(2) - value(3) - value(4); needed > neededSmall {
			limit = math.MaxInt64
		}
		if limit != was {
			debug.SetMemoryLimit(limit) // stops the world for a moment
			was = limit
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}
