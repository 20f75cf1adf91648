"""What is computed once: data for everybody, a model for everybody."""

import pandas as pd
import streamlit as st
import torch
from torch import nn


@st.cache_data(max_entries=10)
def squares(n: int) -> pd.DataFrame:
    """A table; each caller gets a copy of its own."""
    return pd.DataFrame({"x": range(n), "x squared": [x**2 for x in range(n)]})


@st.cache_resource
def model() -> nn.Module:
    """One network for all sessions: the very same object."""
    torch.manual_seed(0)
    return nn.Linear(1, 1).eval().requires_grad_(False)


table = squares(st.slider("Rows", 1, 50, 5))
table["mine"] = 1  # a column more, in this run's copy only
st.dataframe(table)
st.write(f"Columns in the cache: {squares(5).shape[1]}")
st.session_state["model"] = model()

with torch.inference_mode():
    st.metric("the model of 1", f"{model()(torch.ones(1)).item():.3f}")
if st.button("Clear the data"):
    squares.clear()
