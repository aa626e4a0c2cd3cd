// Timestamps is sigstore's timestamp authority with a key in memory, on a free port of loopback, which it prints. The program that comes
// with it listens on a fixed port besides, for all who can reach the machine.
package main

import (
	"fmt"
	"log"
	"time"

	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/spf13/viper"
)

func main() {
	const policy = "1.3.6.1.4.1.57264.2"
	for key, value := range map[string]any{
		"timestamp-signer": "memory", "timestamp-signer-hash": "sha256", "default-policy-oid": policy,
		"accepted-policy-oids": []string{policy}, "max-request-body-size": uint64(1 << 20), "enforce-intermediate-eku": true,
	} {
		viper.Set(key, value)
	}
	s := server.NewRestAPIServer("127.0.0.1", 0, []string{"http"}, false, 10*time.Second, 10*time.Second)
	if err := s.Listen(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://127.0.0.1:%d\n", s.Port)
	log.Fatal(s.Serve())
}
