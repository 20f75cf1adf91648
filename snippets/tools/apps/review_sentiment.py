"""Review sentiment: is a review of a film good or bad, and which words say so?

Needs reviews.pt in the current folder. Start: streamlit run review_sentiment.py
"""

import re

import pandas as pd
import streamlit as st
import torch

WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")
SAMPLES = {
    "praise": "A wonderful film. I loved every minute of it, and the acting is great!",
    "blame": "What a waste of time: a boring story, bad acting, and far too long.",
}


@st.cache_resource
def load_words() -> dict[str, float]:
    """A score for each word that the network knows, and under "" its bias."""
    saved = torch.load("reviews.pt", weights_only=True)
    table, head = saved["state"]["0.weight"], saved["state"]["1.weight"][0]
    scores = dict(zip(saved["words"], (table @ head).tolist(), strict=True))
    return {**scores, "": float(saved["state"]["1.bias"])}


def fill(sample: str) -> None:
    """Put a sample into the text field."""
    st.session_state["review"] = SAMPLES[sample]


st.title("Review sentiment")
for column, sample in zip(st.columns(4), SAMPLES, strict=False):
    column.button(f"Some {sample}", on_click=fill, args=(sample,))
text = st.text_area("A review, in English", key="review", height=120, max_chars=5000)
most = st.slider("Words shown", 2, 20, 10)

scores = load_words()
found = WORD.findall(text.lower())
known = [word for word in found if word in scores]
if not text.strip():
    st.info("Write something, or take a sample.")
    st.stop()
if not known:
    st.warning("No word of this is known to the network.")
    st.stop()

mean = sum(scores[word] for word in known) / len(known) + scores[""]
positive = torch.tensor(mean).sigmoid().item()
(st.success if positive > 0.5 else st.error)("good" if positive > 0.5 else "bad")
st.progress(positive, text=f"probability that it is good: {positive:.2f}")
st.caption(f"{len(known)} of {len(found)} words are known.")

table = pd.DataFrame({"word": known, "score": [scores[word] for word in known]})
table = table.drop_duplicates("word")
strong = table.iloc[table["score"].abs().argsort()[::-1]].head(most)
st.bar_chart(strong, x="word", y="score", horizontal=True, sort="-score")
