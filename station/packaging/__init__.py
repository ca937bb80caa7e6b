"""The rooms behind `station.package`: what the auditor's package is written with, part by part."""
