// A whole Kubernetes control plane store in one process: etcd on a unix socket and the API server in front of it, with no
// controllers. For tests of the agent; call it as `apiserver FOLDER KUBE-APISERVER-FLAGS...`. It may be killed at any
// moment and started again on the same folder.
package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("the first argument is the folder of the store"))
	}
	folder := os.Args[1]
	socket, err := startEtcd(folder)
	if err != nil {
		fail(err)
	}
	os.Args = append([]string{os.Args[0], "--etcd-servers=" + socket}, os.Args[2:]...)
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

// Starts etcd in this process and returns the address of its socket. A killed etcd leaves its sockets behind.
func startEtcd(folder string) (string, error) {
	clients, peers := filepath.Join(folder, "clients.sock"), filepath.Join(folder, "peers.sock")
	for _, socket := range []string{clients, peers} {
		if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
			return "", err
		}
	}
	config := embed.NewConfig()
	config.Dir = filepath.Join(folder, "etcd")
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.ListenClientUrls = []url.URL{{Scheme: "unix", Path: clients}}
	config.ListenPeerUrls = []url.URL{{Scheme: "unix", Path: peers}}
	// What is advertised must be host:port, though nobody ever calls it.
	never := []url.URL{{Scheme: "http", Host: "127.0.0.1:1"}}
	config.AdvertiseClientUrls, config.AdvertisePeerUrls = never, never
	config.InitialCluster = config.Name + "=" + never[0].String()
	server, err := embed.StartEtcd(config)
	if err != nil {
		return "", err
	}
	<-server.Server.ReadyNotify()
	return "unix://" + clients, nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "apiserver:", err)
	os.Exit(1)
}
