package main

import (
	"fmt"
	"net/url"
	"strings"
)

const defaultCron = "@every 15m"

// config holds what the user entered on Navidrome's page for this plugin.
type config struct {
	daemonURL string // without a slash at its end
	token     string
	cron      string
}

// readConfig checks the settings; its errors say what to enter.
func readConfig(setting func(name string) string) (config, error) {
	address, err := readAddress(strings.TrimSpace(setting("daemon_url")))
	if err != nil {
		return config{}, err
	}
	token := strings.TrimSpace(setting("token"))
	if token == "" {
		return config{}, fmt.Errorf("the setting token is empty: enter what `spectra token add navidrome --scope match` prints on the daemon's machine")
	}
	if strings.ContainsFunc(token, func(char rune) bool { return char <= ' ' || char > '~' }) {
		return config{}, fmt.Errorf("the setting token has blanks or foreign characters in it: enter only what `spectra token add navidrome --scope match` prints")
	}
	cron := strings.TrimSpace(setting("cron"))
	if cron == "" {
		cron = defaultCron
	}
	return config{daemonURL: address, token: token, cron: cron}, nil
}

func readAddress(entered string) (string, error) {
	if entered == "" {
		return "", fmt.Errorf("the setting daemon_url is empty: enter Spectra's address, such as http://192.168.1.10:8765")
	}
	address, err := url.Parse(entered)
	if err != nil || address.Hostname() == "" || (address.Scheme != "http" && address.Scheme != "https") {
		return "", fmt.Errorf("the setting daemon_url, %q, is no address: enter one such as http://192.168.1.10:8765", entered)
	}
	if address.User != nil || address.RawQuery != "" || address.Fragment != "" {
		return "", fmt.Errorf("the setting daemon_url must be an address only, such as http://192.168.1.10:8765, without name, ? or #")
	}
	return strings.TrimRight(address.String(), "/"), nil
}
