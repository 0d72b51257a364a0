// Command dns is CoreDNS with only those plugins that a test cluster's Corefile names, so that it builds in a fraction of
// the time. May not do anything that CoreDNS itself does not do.
package main

import (
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	coremain.Run()
}
