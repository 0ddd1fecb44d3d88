"""Flights as a file describes them: which should exist, and what of them is managed. Imports vendor clients and core.

from adflight.flights import Declarations, read_flights
"""

from adflight.flights.columns import Column, Columns, Level, columns_for
from adflight.flights.declarations import Declarations
from adflight.flights.items import UNSEEN, Change, Item, Leftover, Totals, Unseen, Verdict
from adflight.flights.reading import Flight, Flights, Order, read_flights
from adflight.flights.values import CLEAR, Clear, Managed, Value

__all__ = [
    "CLEAR",
    "Change",
    "Clear",
    "Column",
    "Columns",
    "Declarations",
    "Flight",
    "Flights",
    "Item",
    "Leftover",
    "Level",
    "Managed",
    "Order",
    "Totals",
    "UNSEEN",
    "Unseen",
    "Value",
    "Verdict",
    "columns_for",
    "read_flights",
]
