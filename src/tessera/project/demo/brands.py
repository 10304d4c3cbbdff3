"""The two brands of the demo world, what they sell and where they are met."""

from typing import Final, NamedTuple


class Product(NamedTuple):
    """`price` in cents of the brand's currency."""

    product_id: str
    name: str
    category: str
    price: int


class Brand(NamedTuple):
    slug: str
    name: str
    host: str
    currency: str
    app_id: str
    categories: tuple[str, ...]
    products: tuple[Product, ...]

    @property
    def web(self) -> str:
        return f"{self.name} web shop"

    @property
    def app(self) -> str:
        return f"{self.name} app"

    @property
    def till(self) -> str:
        return f"{self.name} till"


def _brand(slug: str, name: str, currency: str, goods: dict[str, dict[str, int]]) -> Brand:
    products = tuple(
        Product(f"{slug[:2].upper()}-{group + 1}{place + 1:02d}", title, category, price)
        for group, (category, shelf) in enumerate(goods.items())
        for place, (title, price) in enumerate(shelf.items())
    )
    return Brand(slug, name, f"www.{slug}.example", currency, f"example.{slug}.app", tuple(goods), products)


ALDER: Final = _brand(
    "alder",
    "Alder",
    "EUR",
    {
        "Shoes": {"Trail shoe Roble": 8990, "Hiking boot Encina": 14900, "Sandal Playa": 3950},
        "Jackets": {"Rain jacket Fjord": 12900, "Down jacket Nevada": 18950, "Wind shirt Brisa": 5990},
        "Packs": {"Day pack 18 l": 5490, "Trekking pack 55 l": 16900, "Hip bag": 1990},
        "Camp": {"Two-person tent": 24900, "Sleeping bag -5": 13900, "Titanium cup": 1790},
    },
)
KITE: Final = _brand(
    "kite",
    "Kite",
    "USD",
    {
        "Vinyl": {"Blue Hours (LP)": 2999, "Night Ferry (2 LP)": 4299, "Songs for Rain (LP)": 2699},
        "CDs": {"Blue Hours (CD)": 1199, "Live in Chiang Mai (CD)": 1377, "Piano Works (3 CD)": 2677},
        "Headphones": {"Studio headphones": 14900, "In-ear buds": 7900},
        "Merchandise": {"T-shirt Kite": 2400, "Tote bag": 1500, "Poster": 1200},
    },
)
BRANDS: Final = (ALDER, KITE)
CALL_CENTRE: Final = "Call centre"
"""The one entry point that both brands share."""
