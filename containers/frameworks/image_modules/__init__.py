"""Modules that Amazon's images hold and published scripts import: this folder is on the path of every script, after the code.

Each offers what such scripts use, under the names of the original. The scripts import them as top-level modules, and they are
left out where packages of these names are installed.
"""
