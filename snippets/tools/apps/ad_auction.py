"""An auction of advertisements: who wins and what it brings, by reserve and score.

Needs auctions.csv in the current folder. Start: streamlit run ad_auction.py
"""

import numpy as np
import pandas as pd
import streamlit as st

COLUMNS = ["auction", "kind", "bid", "ctr"]


@st.cache_data
def load() -> pd.DataFrame:
    """A row for each ad of each auction: kind of bid, bid, true click rate."""
    return pd.read_csv("auctions.csv")[COLUMNS]


def sell(ads: pd.DataFrame, reserve: float, factor: float, rule: str) -> pd.DataFrame:
    """One row for each auction that is sold: what it is expected to bring.

    Args:
        ads: the bids; CPM for 1,000 impressions, CPC for a click.
        reserve: the least eCPM that wins.
        factor: by which the predicted click rates are wrong; 1 is right.
        rule: "first" (the winner pays its bid) or "second" (what the next one bid).
    """
    clicks = ads["kind"] == "CPC"
    predicted = (ads["ctr"] * factor).clip(upper=1)
    ads = ads.assign(ecpm=ads["bid"] * np.where(clicks, 1000 * predicted, 1))
    # What it brings if it pays its eCPM: a CPC ad pays by true clicks, not predicted.
    ads["share"] = np.where(clicks, ads["ctr"] / predicted, 1)
    ads = ads[ads["ecpm"] >= reserve].sort_values("ecpm", ascending=False)
    groups = ads.groupby("auction")
    won = groups.head(1).set_index("auction")
    below = groups.nth(1).set_index("auction")["ecpm"]
    price = won["ecpm"] if rule == "first" else below.reindex(won.index)
    return won.assign(brings=price.fillna(reserve) * won["share"])


st.title("An auction of advertisements")
ads = load()
with st.sidebar:
    kinds = st.multiselect("Kinds of bids", ["CPC", "CPM"], ["CPC", "CPM"])
    reserve = st.slider("Reserve, eCPM", 0, 300, 0, 10)
    factor = st.slider("Predicted / true click rate", 0.5, 2.0, 1.0, 0.1)
    rule = st.radio("The winner pays", ["first", "second"], index=1)

ads = ads[ads["kind"].isin(kinds)]
if ads.empty:
    st.warning("No bids are left: choose a kind.")
    st.stop()
sold = sell(ads, reserve, factor, rule)
if sold.empty:
    st.warning("No bid reaches the reserve.")
    st.stop()

total = ads["auction"].nunique()
first, second, third = st.columns(3)
first.metric("expected per 1,000 auctions", f"{sold['brings'].sum() / total:.1f}")
second.metric("sold", f"{len(sold) / total:.0%}")
third.metric("won by CPC", f"{(sold['kind'] == 'CPC').mean():.0%}")

reserves = range(0, 301, 50)
brings = [sell(ads, r, factor, rule)["brings"].sum() / total for r in reserves]
curve = pd.DataFrame({"reserve": reserves, "brings": brings})
st.line_chart(curve, x="reserve", y="brings")
with st.expander("The sold auctions"):
    st.dataframe(sold.round(3))
