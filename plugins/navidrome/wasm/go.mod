module spectra/navidrome

go 1.24
